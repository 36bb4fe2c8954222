"""Whether reconstructions depend on the subject: their spread between subjects, in words and as columns."""

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.against_mean import ARCHITECTURE

LEAST = 0.1
"""Spread, as a share of that of the originals, below which a reconstruction hardly depends on the subject."""


def columns(table: pd.DataFrame) -> pd.DataFrame:
    """A row a model and cohort, with a column `spread_<modality>` for each modality.

    Parameters
    ----------
    table : the gathered spread.tsv, `spread` as numbers.
    """
    wide = table.pivot(index=["model", "cohort"], columns="modality", values="spread")
    return wide.rename(columns="spread_{}".format).rename_axis(columns=None).reset_index()


def modalities(costs: pd.DataFrame) -> list[str]:
    """Modalities whose spread costs.csv has."""
    return [name.removeprefix("spread_") for name in costs.columns if name.startswith("spread_")]


def in_words(experiment: Experiment, costs: pd.DataFrame) -> list[str]:
    """A sentence a cohort on whose reconstructions hardly depend on the subject; the mean image never does.

    Parameters
    ----------
    costs : costs.csv.
    """
    texts = []
    for cohort, here in costs.groupby("cohort", sort=False):
        found: dict[str, list[str]] = {}
        for line in here.to_dict("records"):
            row = experiment.row(line["model"])
            low = [f"{m} {line[f'spread_{m}']:.2f}" for m in modalities(costs) if line[f"spread_{m}"] < LEAST]
            if low and row.architecture != ARCHITECTURE:
                found[row.shown] = low
        if found:
            who = "; ".join(f"{name} ({', '.join(low)})" for name, low in found.items())
            texts.append(
                f"{experiment.cohort(cohort).shown}: reconstructions that hardly depend on the subject, nearly the "
                f"same picture for everybody (spread between subjects below {LEAST} of that of the originals): {who}."
            )
    return texts


def shown(experiment: Experiment, costs: pd.DataFrame) -> pd.DataFrame:
    """The spread as the front page shows it: a line a model, a column a cohort and modality of table 1."""
    wanted = experiment.table1
    table = {"model": [experiment.row(name).shown for name in wanted.rows]}
    for cohort in wanted.cohorts:
        here = costs[costs.cohort == cohort].drop_duplicates("model").set_index("model")
        for modality in modalities(costs):
            values = here[f"spread_{modality}"].reindex(wanted.rows)
            table[f"{experiment.cohort(cohort).shown}, {modality}"] = [
                "" if pd.isna(value) else f"{value:.2f}" for value in values
            ]
    return pd.DataFrame(table)

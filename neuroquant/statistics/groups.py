"""Scores by site, scanner, sex and age."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv
from neuroquant.statistics.intervals import cluster_bootstrap

GROUPS = [
    "cohort", "model", "modality", "metric", "by", "group", "subjects", "value", "ci_low", "ci_high", "stand_in",
]  # fmt: skip
WAYS = ("sex", "age", "site", "scanner")
PERSON = ["cohort", "subject", "session", "sex", "age", "site", "scanner"]


def with_people(scores: pd.DataFrame, sessions: dict[str, Path]) -> pd.DataFrame:
    """Scores with sex, age (nan where unknown), site and scanner (empty where unknown) of the session.

    Parameters
    ----------
    scores : as `summarise.load_scores` gives them.
    sessions : cohort -> sessions.tsv.
    """
    people = [read_tsv(path).assign(cohort=name) for name, path in sessions.items()]
    known = pd.concat(people).reindex(columns=PERSON).fillna("") if people else pd.DataFrame(columns=PERSON)
    found = scores.merge(known, on=PERSON[:3])
    return found.assign(age=pd.to_numeric(found["age"].replace("", None)))


def groups(experiment: Experiment, scores: pd.DataFrame) -> pd.DataFrame:
    """Mean of every metric with its interval in every group; a way of grouping by which all are alike is left out.

    Parameters
    ----------
    scores : as `with_people` gives them.
    """
    rows = []
    scores = scores[np.isfinite(scores["value"])]
    for cohort, here in scores.groupby("cohort", sort=False):
        for by, group, part in parted(here):
            for (model, modality, metric), cell in part.groupby(["model", "modality", "metric"], sort=False):
                found = cluster_bootstrap(cell["value"], cell["cluster"], experiment.statistics)
                facts = [cohort, model, modality, metric, by, group, cell.subject.nunique()]
                rows.append([*facts, found.value, found.low, found.high, cell.engine.iloc[0]])
    table = pd.DataFrame(rows, columns=GROUPS)
    return table.sort_values(["cohort", "model", "modality", "metric"], kind="stable", ignore_index=True)


def parted(here: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Way, group and its scores; of one cohort. Groups of age are those up to and above the subjects' median."""
    for by in WAYS:
        if by == "age":
            middle = here.drop_duplicates(["subject", "session"]).age.median()
            below, above = here[here.age <= middle], here[here.age > middle]
            named = {f"up to {middle:.1f}": below, f"above {middle:.1f}": above} if len(above) else {}
        else:
            named = {str(name): here[here[by] == name] for name in sorted(set(here[by]) - {""})}
        if len(named) > 1:
            yield from ((by, name, part) for name, part in named.items())


def missing(scores: pd.DataFrame) -> list[str]:
    """Ways of grouping in which the subjects of one cohort are all alike, or unknown."""
    found = {by for by, _, _ in parted(scores)}
    return [by for by in WAYS if by not in found]

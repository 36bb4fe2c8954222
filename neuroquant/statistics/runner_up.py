"""Each model of a table against the best other one of its group, corrected over the table."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from neuroquant.config.evaluation import Statistics
from neuroquant.config.experiment import Experiment, Table
from neuroquant.statistics.cells import by_group
from neuroquant.statistics.intervals import cluster_bootstrap
from neuroquant.statistics.metrics import metric, table_metrics
from neuroquant.statistics.pairing import pairs
from neuroquant.statistics.tests import effect_size, holm, paired_test
from neuroquant.tables import TESTS


def paired_tests(experiment: Experiment, table: str, scores: pd.DataFrame) -> pd.DataFrame:
    """Tests of every column of a table (columns `TESTS`), each model's scores less those of the best other one.

    Parameters
    ----------
    table : str
        "table1" or "table2".
    scores : DataFrame
        As `scores.load_scores` gives them.
    """
    wanted: Table = getattr(experiment, table)
    rows = []
    for by_model in columns_of(experiment, table, scores):
        for models in by_group(experiment, wanted.models).values():
            group = {model: by_model[model] for model in models if model in by_model}
            rows += against_best(group, experiment.statistics)
    tests = pd.DataFrame(rows, columns=TESTS)
    return tests.assign(p_holm=corrected(tests))


def columns_of(experiment: Experiment, table: str, scores: pd.DataFrame) -> Iterator[dict[str, pd.DataFrame]]:
    """The scores of each model, one column of a table after the other: of each cohort, metric and modality."""
    wanted: Table = getattr(experiment, table)
    parts = dict(tuple(scores.groupby(["cohort", "metric", "modality", "model"], sort=False)))
    for cohort in wanted.cohorts:
        for shown in table_metrics(experiment, table):
            for modality in experiment.modalities:
                column = (cohort, shown.name, modality)
                yield {model: parts[*column, model] for model in wanted.models if (*column, model) in parts}


def against_best(by_model: dict[str, pd.DataFrame], settings: Statistics) -> list[dict[str, object]]:
    """Each model against the best other one, on the sessions that both have; nothing where a model has no rival.

    Parameters
    ----------
    by_model : dict of str to DataFrame
        Scores of one cohort, modality and metric.
    """
    if len(by_model) < 2:
        return []
    sign = metric(next(iter(by_model.values())).metric.iloc[0]).sign
    ranked = sorted(by_model, key=lambda model: -sign * by_model[model]["value"].mean())
    tests = []
    for rank, model in enumerate(ranked, start=1):
        best_other = ranked[0] if rank > 1 else ranked[1]
        both = pairs(by_model[model], by_model[best_other])
        if len(both) and np.isfinite(both[["value", "value_other"]]).all(axis=None):
            facts = {name: both[name].iloc[0] for name in ("cohort", "modality", "metric")}
            facts |= {"model": model, "rank": rank, "against": best_other}
            tests.append(facts | compared(both, settings))
    return tests


def compared(both: pd.DataFrame, settings: Statistics) -> dict[str, float]:
    """Difference, interval, effect size and p of two models' scores of the same sessions.

    Parameters
    ----------
    both : DataFrame
        As `pairing.pairs` gives them.
    """
    sides = (both["value"], both["value_other"], both["cluster"])
    interval = cluster_bootstrap(sides[0] - sides[1], both["cluster"], settings)
    return {
        "difference": interval.value,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_subjects": both["subject"].nunique(),
        "effect_size": effect_size(*sides),
        "p": paired_test(*sides),
    }


def corrected(tests: pd.DataFrame) -> np.ndarray:
    """Holm's correction over all tests of a table.

    The best model against the second and the second against the best are one test: it counts once.
    """
    once = tests["p"].where(tests["rank"] != 2)
    p_holm = pd.Series(holm(once), tests.index)
    first = p_holm[tests["rank"] == 1].to_numpy()
    p_holm[tests["rank"] == 2] = first
    return p_holm.to_numpy()

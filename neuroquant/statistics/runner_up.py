"""Each model of a table against the best other one of its group, corrected over the table."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from neuroquant.config.evaluation import Statistics
from neuroquant.config.experiment import Experiment, Table
from neuroquant.statistics.cells import by_group
from neuroquant.statistics.intervals import Interval, cluster_bootstrap, cluster_means
from neuroquant.statistics.metrics import metric, table_metrics
from neuroquant.statistics.pairing import pairs, seeds_of
from neuroquant.statistics.tests import cluster_differences, effect_size, holm, paired_test
from neuroquant.statistics.trainings import Source, averaged, crossed
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
    means = {model: _mean(scores) for model, scores in by_model.items()}
    ranked = sorted(by_model, key=lambda model: -sign * means[model])
    tests = []
    for rank, model in enumerate(ranked, start=1):
        best_other = ranked[0] if rank > 1 else ranked[1]
        both = pairs(by_model[model], by_model[best_other])
        if len(both) and np.isfinite(both[["value", "value_other"]]).all(axis=None):
            facts = {name: both[name].iloc[0] for name in ("cohort", "modality", "metric")}
            facts |= {"model": model, "rank": rank, "against": best_other}
            tests.append(facts | compared(both, seeds_of(by_model[model], by_model[best_other], both), settings))
    return tests


def _mean(scores: pd.DataFrame) -> float:
    """The value of a model's cell."""
    sessions = averaged(scores)
    return float(cluster_means(sessions["value"], sessions["cluster"]).mean())


def compared(both: pd.DataFrame, seeds: list[Source], settings: Statistics) -> dict[str, float]:
    """Difference, interval, effect size and p of two models' scores of the same sessions.

    With one training of each the interval is the bootstrap's and the test Wilcoxon's, with more both are `crossed`'s.

    Parameters
    ----------
    both : DataFrame
        As `pairing.pairs` gives them.
    seeds : list of Source
        As `pairing.seeds_of` gives them.
    """
    sides = (both["value"], both["value_other"], both["cluster"])
    interval, p = difference(both, seeds, settings)
    return {
        "difference": interval.value,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_subjects": both["subject"].nunique(),
        "effect_size": effect_size(*sides),
        "p": paired_test(*sides) if p is None else p,
    }


def difference(both: pd.DataFrame, seeds: list[Source], settings: Statistics) -> tuple[Interval, float | None]:
    """Mean paired difference with its interval, and its p-value where seeds are a source of variance.

    Parameters as for `compared`.
    """
    means = cluster_differences(both["value"], both["value_other"], both["cluster"])
    if not seeds:
        return cluster_bootstrap(both["value"] - both["value_other"], both["cluster"], settings), None
    if len(means) < 2:
        return Interval(float(means.mean()), np.nan, np.nan, len(means)), np.nan
    return crossed(float(means.mean()), [Source.of(means), *seeds], settings.confidence)


def corrected(tests: pd.DataFrame, others: Sequence[float] = ()) -> np.ndarray:
    """Holm's correction over all tests of a table.

    The best model against the second and the second against the best are one test: it counts once.

    Parameters
    ----------
    tests : DataFrame
        Columns rank and p.
    others : sequence of float
        p-values of further comparisons of the table's models, which count too.
    """
    once = tests["p"].where(tests["rank"] != 2)
    p_holm = pd.Series(holm([*once, *others])[: len(once)], tests.index)
    first = p_holm[tests["rank"] == 1].to_numpy()
    p_holm[tests["rank"] == 2] = first
    return p_holm.to_numpy()

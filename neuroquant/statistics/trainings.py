"""Trainings of one model with several seeds: their scores, and what they add to the error of a mean."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import optimize, special

from neuroquant.config.evaluation import Statistics
from neuroquant.config.experiment import Experiment
from neuroquant.statistics.intervals import Interval, cluster_bootstrap, cluster_means
from neuroquant.statistics.metrics import metric
from neuroquant.tables import CELL_KEY

CONDITIONAL = "conditional on one training"
"""What a verdict is where a model that it compares was trained once: another seed may give another one."""

SHARPER = 1.5
"""Power of variances in the weights of `critical`."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source of variance: what it adds to the squared error of a mean, and the degrees of freedom of that."""

    variance: float
    freedom: int

    @classmethod
    def of(cls, means: ArrayLike) -> "Source":
        """Of independent units with these means, (N,) with N of 2 or more, that count alike."""
        means = np.asarray(means, float)
        return cls(float(means.var(ddof=1)) / len(means), len(means) - 1)


def by_model(experiment: Experiment, table: pd.DataFrame) -> pd.DataFrame:
    """Scores with every training under its model's name, and the column `training` with the name of its entry."""
    own = {entry.name: entry.replicate_of for entry in experiment.models if entry.replicate_of}
    return table.assign(training=table.model, model=table.model.replace(own))


def further(experiment: Experiment) -> tuple[str, ...]:
    """Names of trainings of further seeds, which tables and pages of one training leave out."""
    return tuple(entry.name for entry in experiment.models if entry.replicate_of)


def first_trainings(experiment: Experiment, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of all but trainings of further seeds, for what is shown of one training only."""
    return table[~table.model.isin(further(experiment))]


def trained_once(experiment: Experiment, models: list[str]) -> list[str]:
    """Those of some models that were trained with one seed; models without training aren't among them."""
    return [
        name for name in models if experiment.model(name).group != "reference" and len(experiment.trainings(name)) == 1
    ]


def averaged(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per session of one model and modality: the mean of its trainings, over sessions that all have scored.

    Parameters
    ----------
    scores : DataFrame
        Columns subject, session, value and, where there are several, `training`.
    """
    count = scores["training"].nunique() if "training" in scores else 1
    if count < 2:
        return scores
    sessions = scores.groupby(["subject", "session"], sort=False)["value"]
    means = scores.assign(value=sessions.transform("mean"))[sessions.transform("size") == count]
    return means.drop_duplicates(["subject", "session"])


def count_images(scores: pd.DataFrame) -> int:
    """Sessions of one model and modality that all its trainings have scored; columns as for `averaged`, but value."""
    return len(averaged(scores.assign(value=0.0)))


def seed_means(scores: pd.DataFrame) -> pd.Series:
    """Mean score of each training, in which a cluster counts once; columns as for `averaged`, and cluster."""
    common = averaged(scores)[["subject", "session"]]
    clusters = scores.merge(common, on=["subject", "session"]).groupby(["training", "cluster"])["value"].mean()
    return clusters.groupby("training").mean()


def each_training(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean score of every training in every cell: columns `CELL_KEY`, training and value.

    Parameters
    ----------
    scores : DataFrame
        As `scores.load_scores` gives them.
    """
    rows = []
    for names, part in scores.groupby(CELL_KEY, sort=False):
        rows += [[*names, training, value] for training, value in seed_means(part).items()]
    return pd.DataFrame(rows, columns=[*CELL_KEY, "training", "value"])


def seed_sources(*models: pd.DataFrame) -> list[Source]:
    """What the seeds of each model add to the error of its mean; nothing of one with a single training.

    Parameters
    ----------
    *models : DataFrame
        Scores of a model each, as for `seed_means`.
    """
    several = [scores for scores in models if "training" in scores and scores["training"].nunique() > 1]
    return [Source.of(seed_means(scores)) for scores in several]


def crossed(value: float, sources: list[Source], confidence: float) -> tuple[Interval, float]:
    """Interval and two-sided p-value of a mean with several sources of variance.

    Variances add up, and the critical value is `critical`'s.

    Parameters
    ----------
    value : the mean.
    sources : of clusters (Interval.n_clusters is those of the first), and of seeds.
    """
    count = sources[0].freedom + 1
    error = sum(source.variance for source in sources) ** 0.5
    if not np.isfinite([value, error]).all():
        return Interval(value, np.nan, np.nan, count), np.nan
    if not error > 0:
        return Interval(value, value, value, count), 1.0 if np.isclose(value, 0) else 0.0
    margin = error * critical(sources, 1 - confidence)
    return Interval(value, value - margin, value + margin, count), p_value(sources, abs(value) / error)


def critical(sources: list[Source], alpha: float) -> float:
    """Half of a mean's interval in standard errors, for a coverage of 1 - `alpha`: a mean of the sources' Student's t.

    Cochran and Cox (Experimental Designs, 1957) weight them by the sources' variances. The power SHARPER of these makes
    intervals narrower where a source adds little and wider where it adds most, so that their coverage is more even.
    One t with Satterthwaite's degrees of freedom would be too small where two seeds happen to lie close together
    (benchmarks/training_seeds.md).
    """
    variances = np.array([source.variance for source in sources])
    weights = (variances / variances.max()) ** SHARPER
    values = -special.stdtrit([source.freedom for source in sources], alpha / 2)
    return float(weights @ values / weights.sum())


def p_value(sources: list[Source], ratio: float) -> float:
    """Two-sided p-value of a mean that is `ratio` errors from zero: the share for which `critical` gives that ratio."""
    if not ratio > 0:
        return 1.0
    smallest = -690.0  # close to the smallest number
    if critical(sources, np.exp(smallest)) < ratio:
        return 0.0
    return float(np.exp(optimize.brentq(lambda log_p: critical(sources, np.exp(log_p)) - ratio, smallest, 0.0)))


def interval_of(scores: pd.DataFrame, settings: Statistics) -> Interval:
    """Mean of one model's scores with its interval over clusters, and over seeds where there are several.

    Parameters
    ----------
    scores : DataFrame
        Columns subject, session, cluster, value and, where there are several trainings, `training`. With a column
        `metric`, which is the same in all rows, the interval ends where that metric does: Student's knows no ends.
    """
    sessions, seeds = averaged(scores), seed_sources(scores)
    if not seeds:
        return cluster_bootstrap(sessions["value"], sessions["cluster"], settings)
    means = cluster_means(sessions["value"], sessions["cluster"])
    if len(means) < 2:
        return Interval(float(means.mean()), np.nan, np.nan, len(means))
    interval = crossed(float(means.mean()), [Source.of(means), *seeds], settings.confidence)[0]
    low, high = metric(scores["metric"].iloc[0]).ends if "metric" in scores else (-np.inf, np.inf)
    return replace(interval, low=max(interval.low, low), high=min(interval.high, high))

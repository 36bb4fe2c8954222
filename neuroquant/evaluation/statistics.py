"""Intervals and tests in which a subject counts once, however many visits it has."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuroquant.config.evaluation import Statistics


@dataclass(frozen=True)
class Interval:
    """An estimate, its bootstrap interval, and the number of independent units behind it."""

    value: float
    low: float
    high: float
    n_clusters: int


def cluster_bootstrap(values: ArrayLike, clusters: ArrayLike, settings: Statistics) -> Interval:
    """Mean of `values` (N,) with a percentile interval that resamples whole clusters.

    Parameters
    ----------
    values : one a session.
    clusters : the family or subject of each session.

    Raises
    ------
    ValueError
        If there are no values.
    """
    values, clusters = np.asarray(values, float), np.asarray(clusters)
    if not len(values):
        raise ValueError("no values to take an interval of")
    names, place = np.unique(clusters, return_inverse=True)
    sums = np.bincount(place, values, len(names))
    counts = np.bincount(place, minlength=len(names))
    weights = resamples(len(names), settings)
    means = (weights @ sums) / (weights @ counts)
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    value = float(values.mean())
    return Interval(value, min(float(low), value), max(float(high), value), len(names))


def resamples(clusters: int, settings: Statistics) -> np.ndarray:
    """How often each cluster is drawn in each resample, (resamples, clusters)."""
    generator = np.random.default_rng(settings.seed)
    return generator.multinomial(clusters, np.full(clusters, 1 / clusters), settings.bootstrap).astype(float)


def cluster_statistic(statistic: Callable[[np.ndarray], float], clusters: ArrayLike, settings: Statistics) -> Interval:
    """As `cluster_bootstrap`, for a statistic of row indices that isn't a mean, such as an AUROC.

    Resamples in which it isn't defined (one class only) are left out.
    """
    names, place = np.unique(np.asarray(clusters), return_inverse=True)
    members = [np.flatnonzero(place == index) for index in range(len(names))]
    draws = []
    for weights in resamples(len(names), settings).astype(int):
        draws.append(statistic(np.concatenate([np.tile(m, w) for m, w in zip(members, weights, strict=True) if w])))
    tail = (1 - settings.confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(float(statistic(np.arange(len(place)))), float(low), float(high), len(names))


def paired_test(a: ArrayLike, b: ArrayLike, clusters: ArrayLike) -> float:
    """Two-sided p-value of the hypothesis that a and b don't differ: Wilcoxon signed ranks of the cluster means.

    Parameters
    ----------
    a, b : scores (N,) of the same sessions by two models.
    clusters : the family or subject of each session.
    """
    means = cluster_differences(a, b, clusters)
    if np.allclose(means, 0):
        return 1.0
    return float(stats.wilcoxon(means, zero_method="pratt").pvalue)


def effect_size(a: ArrayLike, b: ArrayLike, clusters: ArrayLike) -> float:
    """Cohen's d of the paired differences a - b: the mean of the cluster means by their standard deviation.

    nan where there are fewer than two clusters; infinite where all differ by the same amount.
    """
    means = cluster_differences(a, b, clusters)
    if len(means) < 2:
        return float("nan")
    spread = means.std(ddof=1)
    if spread > 1e-12 * max(1.0, float(np.abs(means).max())):
        return float(means.mean() / spread)
    return 0.0 if np.allclose(means, 0) else float(np.copysign(np.inf, means.mean()))


def cluster_differences(a: ArrayLike, b: ArrayLike, clusters: ArrayLike) -> np.ndarray:
    """Mean of a - b in each cluster, for scores (N,) and the cluster of each."""
    names, place = np.unique(np.asarray(clusters), return_inverse=True)
    difference = np.asarray(a, float) - np.asarray(b, float)
    return np.bincount(place, difference, len(names)) / np.bincount(place, minlength=len(names))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Holm's correction for several tests (Holm 1979); nan stays nan and doesn't count."""
    p = np.asarray(p_values, float)
    corrected = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p[index]))
        corrected[index] = running
    return corrected

"""Tests and effect sizes in which a subject counts once, however many visits it has."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuroquant.statistics.intervals import cluster_means


def paired_test(a: ArrayLike, b: ArrayLike, clusters: ArrayLike) -> float:
    """Two-sided p-value of the hypothesis that a and b don't differ: Wilcoxon signed ranks of the cluster means.

    Parameters
    ----------
    a, b : scores (N,) of the same sessions by two models.
    clusters : the family or subject of each session.

    Examples
    --------
    >>> subjects = range(8)
    >>> p = paired_test([30, 31, 29, 32, 30, 33, 31, 30], [29, 29, 28, 30, 28, 31, 29, 29], subjects)
    >>> f"{p:.4f}"
    '0.0078'
    """
    means = cluster_differences(a, b, clusters)
    if np.allclose(means, 0):
        return 1.0
    return float(stats.wilcoxon(means, zero_method="pratt").pvalue)


def independent_test(a: ArrayLike, b: ArrayLike) -> float:
    """Two-sided p-value of the hypothesis that two sets of independent clusters have one mean: Welch's t-test.

    nan where a set has fewer than two clusters, or where neither varies.

    Parameters
    ----------
    a, b : a number of each cluster, as `cluster_differences` gives them; (N,) and (M,).
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if min(len(a), len(b)) < 2 or max(np.ptp(a), np.ptp(b)) == 0:
        return float("nan")
    return float(stats.ttest_ind(a, b, equal_var=False).pvalue)


def effect_size(a: ArrayLike, b: ArrayLike, clusters: ArrayLike) -> float:
    """Cohen's d of the paired differences a - b: the mean of the cluster means by their standard deviation.

    nan where there are fewer than two clusters; infinite where all differ by the same amount.

    Examples
    --------
    >>> effect_size([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], ["a", "b", "c"])
    2.0
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
    return cluster_means(np.asarray(a, float) - np.asarray(b, float), clusters)


def holm(p_values: ArrayLike) -> np.ndarray:
    """Holm's correction for several tests (Holm 1979); nan stays nan and doesn't count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, float)
    corrected = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p[index]))
        corrected[index] = running
    return corrected

"""How well numbers are predicted: explained variance and correlation, with intervals that resample whole clusters."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from neuroquant.config.evaluation import Statistics
from neuroquant.statistics.intervals import Interval, around, resamples

Draws = tuple[float, np.ndarray, int]
"""An estimate, those of all resamples, and the number of clusters."""


def r2_draws(truth: np.ndarray, guesses: np.ndarray, clusters: ArrayLike, settings: Statistics) -> Draws:
    """R2, 1 less the squared error by that of the mean of these sessions; a mean over seeds. Below 0: worse than it.

    Parameters
    ----------
    truth : (N,)
    guesses : (seeds, N)
    clusters : (N,)

    Examples
    --------
    >>> truth = np.array([8.0, 10.0, 12.0, 14.0])
    >>> value, _, families = r2_draws(truth, np.stack([truth, truth[::-1]]), range(4), Statistics(bootstrap=10))
    >>> value, families  # 1 of the first seed, -3 of the second
    (-1.0, 4)
    """
    truth, guesses = _standardised(truth, guesses)
    error = ((guesses - truth) ** 2).mean(0)

    def r2(weights: np.ndarray) -> np.ndarray:
        total, mean = weights.sum(1), weights @ truth / weights.sum(1)
        spread = weights @ truth**2 - total * mean**2
        return 1 - _ratio(weights @ error, spread)

    return _drawn(r2, clusters, settings)


def correlation(truth: np.ndarray, guesses: np.ndarray, clusters: ArrayLike, settings: Statistics) -> Interval:
    """Pearson's r, a mean over seeds; parameters as for `r2_draws`. nan where predictions don't vary."""
    truth, guesses = _standardised(truth, guesses)

    def r(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(1)
        of_truth, found = weights @ truth / total, []
        for guess in guesses:
            of_guess = weights @ guess / total
            both = weights @ (truth * guess) / total - of_truth * of_guess
            spreads = (weights @ truth**2 / total - of_truth**2) * (weights @ guess**2 / total - of_guess**2)
            found.append(_ratio(both, np.sqrt(np.maximum(spreads, 0))))
        return np.mean(found, 0)

    return around(*_drawn(r, clusters, settings), settings)


def _standardised(truth: np.ndarray, guesses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both less the mean of the truth, by its standard deviation, so that no difference of large numbers is taken."""
    centre, spread = truth.mean(), truth.std() or 1.0
    return (truth - centre) / spread, (guesses - centre) / spread


def _drawn(statistic: Callable[[np.ndarray], np.ndarray], clusters: ArrayLike, settings: Statistics) -> Draws:
    """A statistic of weights (resamples, N), of all rows once and of the resamples."""
    names, index = np.unique(np.asarray(clusters), return_inverse=True)
    value = statistic(np.ones((1, len(index))))[0]
    return float(value), statistic(resamples(len(names), settings)[:, index]), len(names)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part by whole; nan where the whole is nothing but rounding."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 1e-9)

"""How many codes two images share: two modalities of a session, beside two subjects in one modality."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuroquant.config.evaluation import Statistics
from neuroquant.statistics.intervals import Interval, around, mean_draws, pair_draws

PARTNERS = 32
"""Other sessions with which the codes of each are compared."""


@dataclass(frozen=True)
class Shares:
    """Shares of codes in common, between 0 and 1.

    Attributes
    ----------
    within : (N,), between two modalities of each session, a mean over pairs of modalities.
    between : (P,), between two sessions, a mean over the modalities; nan where no position lies in both brains.
    first, second : (P,), which two sessions.
    """

    within: np.ndarray
    between: np.ndarray
    first: np.ndarray
    second: np.ndarray


def partners(sessions: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each session (N,) with up to `PARTNERS` others (N,): all of them where there are no more."""
    order = np.random.default_rng(0).permutation(sessions)
    for offset in range(1, min(sessions, PARTNERS + 1)):
        yield order, np.roll(order, -offset)


def same_code(codes: np.ndarray, inside: np.ndarray) -> Shares:
    """Shares of positions that have the same code in two images; of sessions that have a brain.

    A position counts where it lies in the brain of both.

    Parameters
    ----------
    codes : (N, m, codebooks, d, h, w), of all m modalities of each session; m is 2 or more.
    inside : (N, d, h, w), positions that lie in the brain: at least one of each session.
    """
    flat = codes.reshape(*codes.shape[:3], -1)  # (N, m, codebooks, positions)
    within_brain = inside.reshape(len(inside), -1)

    def equal(one: np.ndarray, other: np.ndarray, counted: np.ndarray) -> np.ndarray:
        alike = (one == other).mean(-2)  # over codebooks: (N, ..., positions)
        counted = np.broadcast_to(counted, alike.shape)
        return _ratio((alike * counted).sum(-1), counted.sum(-1))

    within = np.mean([equal(flat[:, a], flat[:, b], within_brain) for a, b in _pairs(codes)], axis=0)
    per_pair = [
        (equal(flat[a], flat[b], (within_brain[a] & within_brain[b])[:, None]).mean(-1), a, b)
        for a, b in partners(len(codes))
    ]
    return Shares(within, *(np.concatenate(parts) for parts in zip(*per_pair, strict=True)))


def code_overlap(codes: np.ndarray, inside: np.ndarray) -> Shares:
    """Histogram intersection of the codes that two images use in their brains; parameters as for `same_code`.

    That is the sum over codes of the smaller of the two shares of positions: 1 where both use the same codes equally
    often, wherever in the brain, 0 where they have none in common.
    """
    sessions, kinds, books = codes.shape[:3]
    flat = np.where(inside[:, None, None], codes + np.arange(books)[:, None, None, None] * (codes.max() + 1), -1)
    used, positions = np.unique(flat, return_inverse=True)
    positions, first = positions.reshape(sessions * kinds, -1), int(used[0] == -1)
    counts = np.stack([np.bincount(image, minlength=len(used)) for image in positions])[:, first:]
    histograms = _ratio(counts, counts.sum(1, keepdims=True)).reshape(sessions, kinds, -1)
    within = np.mean([np.minimum(histograms[:, a], histograms[:, b]).sum(-1) for a, b in _pairs(codes)], axis=0)
    overlaps = [(np.minimum(histograms[a], histograms[b]).sum(-1).mean(-1), a, b) for a, b in partners(sessions)]
    return Shares(within, *(np.concatenate(parts) for parts in zip(*overlaps, strict=True)))


def _pairs(codes: np.ndarray) -> list[tuple[int, int]]:
    """Every pair of modalities of codes (N, m, ...)."""
    return list(itertools.combinations(range(codes.shape[1]), 2))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part by whole; nan where the whole is nothing."""
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)


def shared(shares: Shares, clusters: ArrayLike, settings: Statistics) -> dict[str, Interval]:
    """Means with intervals: `session` (two modalities), `subjects` (one modality), and the `difference` of the two.

    Parameters
    ----------
    clusters : (N,), of each session; two sessions of one cluster are no two subjects.
    """
    names, cluster_of = np.unique(np.asarray(clusters), return_inverse=True)
    within, within_draws, count = mean_draws(shares.within, cluster_of, settings)
    intervals = {"session": around(within, within_draws, count, settings)}
    first, second = cluster_of[shares.first], cluster_of[shares.second]
    apart = (first != second) & np.isfinite(shares.between)
    if apart.any():
        between, draws = pair_draws(shares.between[apart], first[apart], second[apart], len(names), settings)
        intervals["subjects"] = around(between, draws, count, settings)
        intervals["difference"] = around(within - between, within_draws - draws, count, settings)
    return intervals

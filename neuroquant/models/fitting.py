"""What fitting a model to all training volumes costs; for planning, without torch."""

from math import prod

from neuroquant.models.grid import Shape

TOGETHER = 16
"""Sessions that are in memory at once."""
ROUNDS = 4
"""Rounds of subspace iteration, a pass over the shards each, after the pass that finds the mean."""
BITS = 16
"""Of one coefficient of a principal component."""


def rank(components: int) -> int:
    """Directions that are iterated for so many components: a quarter more, at least 8; none for the mean alone."""
    return components + max(8, components // 4) if components else 0


def passes(components: int) -> int:
    """How often the shards are read."""
    return 1 + ROUNDS if components else 1


def bytes_needed(shape: Shape, components: int, modalities: int) -> int:
    """Memory of a fit to volumes of `shape`, in bytes, without the libraries'; the same for any number of sessions.

    For each modality two float32 matrices (rank, voxels), the float16 components that come of them, and the mean, its
    sum and the first volume; besides, the volumes of `TOGETHER` sessions as they are stored and in float32, a modality
    at a time, with one intermediate copy.
    """
    each = 2 * 4 * rank(components) + 2 * components + 8 + 4 + 4
    together = modalities * TOGETHER * 2 * 2 + TOGETHER * 4 * 2
    return prod(shape) * (modalities * each + together)

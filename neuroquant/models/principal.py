"""Principal components of more volumes than fit into memory: a randomised subspace iteration over streamed chunks.

The method is that of Halko, Martinsson & Tropp (2011, https://doi.org/10.1137/090771806), with a Rayleigh-Ritz step in
each round. The matrix X of centred volumes (N, V) is never held: a pass multiplies it chunk by chunk, X^T (X Q).

Memory: two float32 matrices (rank, V) for each modality, the rank being the number of components and a quarter more,
and the volumes of one chunk; the number of volumes N doesn't enter. With 64 components of 144 x 192 x 144 voxels and
two modalities these are 5.1 GB of matrices, and 7.3 GB with all the rest (`fitting.bytes_needed`; measured: 6.5).

Passes over the shards: 1 + `fitting.ROUNDS` = 5. The first finds the mean and a random sketch of the volumes, X^T G.
Each round multiplies by X^T X once. Where there are no more volumes than the rank, the sketch spans all of them and
the result is exact up to float32. Otherwise the last components haven't fully converged: 64 components of 1,000
volumes whose standard deviations fall with the root of their rank explain 0.1 % less variance than the exact ones.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from neuroquant.models.autoencoder import Passes
from neuroquant.models.fitting import ROUNDS, rank
from neuroquant.models.grid import Shape

NOTHING = 1e-6
"""Variance along a direction, relative to the largest, below which float32 can't tell it from nothing."""
COLUMNS = 1 << 18
"""Voxels that are rotated at once."""


@dataclass
class Components:
    """Of one modality.

    Attributes
    ----------
    count : volumes, N.
    mean : (V,), float32.
    vectors : (components, V), orthonormal rows of float32, the one of the largest variance first. Fewer rows than asked
        for where the volumes have fewer directions, which are N - 1 at most.
    """

    count: int
    mean: Tensor
    vectors: Tensor


def principal_components(passes: Passes, modalities: int, components: int) -> tuple[Shape, list[Components]]:
    """Sides of the volumes, and mean and principal components of each modality; of none, a mean of nan.

    Parameters
    ----------
    passes : read 1 + `fitting.ROUNDS` times, and once where one volume or no component is all that there is.
    modalities : number of modalities, by which volumes are told apart.
    components : how many are wanted; 0: the mean alone.
    """
    shape, by_modality = _first_pass(passes, modalities, rank(components))
    if components and any(one.count > 1 for one in by_modality):
        for _ in range(ROUNDS):
            _round(passes, by_modality)
    for one in by_modality:
        there = int(one.vectors.any(1).sum())  # the others come last
        one.vectors = one.vectors[: min(components, max(one.count - 1, 0), there)]
        for row in one.vectors:  # of its two directions, the one in which its largest entry is positive
            row *= row[row.abs().argmax()].sign()
    return shape, by_modality


def _first_pass(passes: Passes, modalities: int, directions: int) -> tuple[Shape, list[Components]]:
    """Sides, means, and an orthonormal basis (directions, V) of a random sketch of the volumes."""
    sums: list[_Sketch | None] = [None] * modalities
    shape: Shape = (0, 0, 0)
    for x, modality in passes():
        shape = tuple(x.shape[2:])
        for kind in modality.unique().tolist():
            volumes = x[modality == kind].flatten(1).float()
            sketch = sums[kind] = sums[kind] or _Sketch(volumes[0], directions, kind)
            sketch.add(volumes)
    empty = Components(0, torch.full((prod(shape),), torch.nan), torch.zeros(0, prod(shape)))
    return shape, [empty if sketch is None else sketch.finish() for sketch in sums]


class _Sketch:
    """Sums over the volumes of one modality, less the first of them.

    Their differences from one of them span what those from the mean span, and small numbers lose fewer digits.

    Parameters
    ----------
    first : (V,), the first volume.
    directions : rows of the sketch.
    seed : of the random numbers.
    """

    def __init__(self, first: Tensor, directions: int, seed: int):
        self.first, self.count = first.clone(), 0
        self.total = torch.zeros(len(first), dtype=torch.float64)
        self.rows = torch.zeros(directions, len(first))
        self.generator = torch.Generator().manual_seed(seed)

    def add(self, volumes: Tensor) -> None:
        """Take in volumes (n, V), which are overwritten."""
        volumes -= self.first
        self.count += len(volumes)
        self.total += volumes.sum(0)
        if len(self.rows):
            random = torch.randn(len(volumes), len(self.rows), generator=self.generator)
            self.rows.addmm_(random.T, volumes)

    def finish(self) -> Components:
        """The mean, and a basis of the sketch."""
        mean = (self.total / self.count).float()
        _orthonormalise(self.rows)
        return Components(self.count, mean.add_(self.first), self.rows)


def _round(passes: Passes, by_modality: list[Components]) -> None:
    """One pass: the bases move towards the principal components, and are rotated to be ordered by variance."""
    products = [torch.zeros_like(one.vectors) for one in by_modality]
    grams = [torch.zeros(len(rows), len(rows), dtype=torch.float64) for rows in products]
    for x, modality in passes():
        for kind in modality.unique().tolist():
            volumes = x[modality == kind].flatten(1).float()
            volumes -= by_modality[kind].mean
            along = volumes @ by_modality[kind].vectors.T
            grams[kind] += along.double().T @ along.double()
            products[kind].addmm_(along.T, volumes)
    for one, product, gram in zip(by_modality, products, grams, strict=True):
        one.vectors = product
        if not len(product):
            continue
        variance, rotation = (part.flip(-1) for part in torch.linalg.eigh(gram))
        there = variance > NOTHING * variance.max()
        # rows of X^T X Q have their variance as length: without it, their Gram matrix is nearly the identity
        _mix(product, torch.where(there, rotation / variance.clamp_min(1e-300), 0.0).T)
        _orthonormalise(product)


def _orthonormalise(rows: Tensor) -> None:
    """Make rows (n, V) orthonormal in place, each staying as near to what it was as can be; zeros stay zeros."""
    if not len(rows):
        return
    gram = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for part in rows.split(COLUMNS, 1):
        gram += part.double() @ part.double().T
    value, vector = torch.linalg.eigh(gram)
    there = value > NOTHING**2 * value.max()
    _mix(rows, vector @ torch.where(there, value.clamp_min(1e-300).rsqrt(), 0.0).diag() @ vector.T)


def _mix(rows: Tensor, matrix: Tensor) -> None:
    """rows (n, V) to matrix (n, n) @ rows, in place, some columns at a time."""
    for part in rows.split(COLUMNS, 1):
        part.copy_(matrix.float() @ part)

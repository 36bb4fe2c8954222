"""Metrics of images beside PSNR and SSIM: some see blur, some ignore a change of contrast (formulas: docs/metrics.md).

Each takes images x and y (1, 1, D, H, W) in [-1, 1] and the voxels `inside` that count (the same shape, bool; all where
None), and returns a score of y against x as a tensor without axes or with one.
"""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from neuroquant.similarity import mean_inside, ssim_parts

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of MS-SSIM's scales, the finest first (Wang, Simoncelli and Bovik 2003)."""
BINS = 100
"""Bins of the histograms of mutual information along each image's range, [-1, 1]."""
EDGE_SIGMA = 1.5
"""Sigma of HFEN's Laplacian of Gaussian in voxels, as in Ravishankar and Bresler (2011)."""
parts_of = lru_cache(maxsize=1)(ssim_parts)
"""The factors of SSIM of the last two images, which all regions and MS-SSIM share. Tensors are told apart by identity,
as in the other caches here."""


def number_of_scales(shape: tuple[int, ...], window: int) -> int:
    """Scales of MS-SSIM: as many of the five as keep the window within the smallest side that isn't 1; one at least.

    Examples
    --------
    >>> number_of_scales((144, 192, 144), window=11), number_of_scales((56, 72, 64), window=11)
    (4, 3)
    """
    smallest = min((side for side in shape if side > 1), default=1)
    return max(1, sum(smallest // 2**scale >= window for scale in range(len(SCALES))))


@lru_cache(maxsize=1)
def _pyramid(x: Tensor, y: Tensor, window: int) -> list[tuple[Tensor, Tensor]]:
    """Factors of SSIM at every scale, the finest first; each next scale has means over 2 x 2 x 2 voxels."""
    levels = [parts_of(x, y, window)]
    for _ in range(number_of_scales(tuple(x.shape[2:]), window) - 1):
        x, y = _halved(x), _halved(y)
        levels.append(ssim_parts(x, y, window))
    return levels


def _halved(x: Tensor) -> Tensor:
    return F.avg_pool3d(x, [2 if side > 1 else 1 for side in x.shape[2:]])


def ms_ssim(x: Tensor, y: Tensor, inside: Tensor | None, window: int) -> Tensor:
    """Multi-scale SSIM of volumes: contrast and structure at every scale, luminance at the coarsest.

    Where the image has room for fewer than five scales, their weights are divided by their sum. A negative mean counts
    as 0. A voxel of a coarser scale lies inside if at least half of it does.
    """
    levels = _pyramid(x, y, window)
    weights = torch.tensor(SCALES[: len(levels)])
    means = []
    for number, (luminance, structure) in enumerate(levels):
        if number and inside is not None:
            inside = _halved(inside.float()) >= 0.5
        last = number == len(levels) - 1
        means.append(mean_inside(luminance * structure if last else structure, inside, window).clamp(min=0))
    return torch.stack(means).pow((weights / weights.sum())[:, None]).prod(0)


@lru_cache(maxsize=1)
def _pairs_of_bins(x: Tensor, y: Tensor) -> Tensor:
    """The bin of the joint histogram that each voxel falls into."""
    bins = [((image + 1) * (BINS / 2)).int().clamp_(0, BINS - 1) for image in (x, y)]
    return bins[0] * BINS + bins[1]


def nmi(x: Tensor, y: Tensor, inside: Tensor | None, window: int) -> Tensor:
    """Normalised mutual information (H(x) + H(y)) / H(x, y), 1 to 2 (Studholme et al. 1999); nan of constant images."""
    pairs = _pairs_of_bins(x, y)
    chosen = pairs.flatten() if inside is None else pairs[inside]
    joint = torch.bincount(chosen, minlength=BINS * BINS).double().view(BINS, BINS)
    return (_entropy(joint.sum(0)) + _entropy(joint.sum(1))) / _entropy(joint)


def _entropy(counts: Tensor) -> Tensor:
    shares = counts[counts > 0] / counts.sum()
    return -(shares * shares.log()).sum()


@lru_cache(maxsize=1)
def _absolute_error(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).abs_()


def _total(values: Tensor, inside: Tensor | None) -> Tensor:
    return values.sum() if inside is None else (values * inside).sum()


def mae(x: Tensor, y: Tensor, inside: Tensor | None, window: int) -> Tensor:
    """Mean absolute error."""
    count = x.numel() if inside is None else inside.sum()
    return _total(_absolute_error(x, y), inside) / count


@lru_cache(maxsize=2)
def _gradient_energy(x: Tensor) -> Tensor:
    """Squared length of the gradient (forward differences; 0 at the far border) at each voxel."""
    energy = torch.zeros_like(x)
    for axis in range(2, 5):
        energy.narrow(axis, 0, x.shape[axis] - 1).add_(x.diff(dim=axis).square_())
    return energy


def sharpness(x: Tensor, y: Tensor, inside: Tensor | None, window: int) -> Tensor:
    """Gradient energy of y over that of x, or the inverse where y has more: 1 at best, 0 for a constant image.

    An image with too much of it is noisy, so that a ratio above 1 is no merit either.
    """
    ratio = _total(_gradient_energy(y), inside) / _total(_gradient_energy(x), inside)
    return torch.minimum(ratio, 1 / ratio)


@lru_cache(maxsize=16)
def _filters(side: int) -> tuple[Tensor, Tensor]:
    """Gaussian and its second derivative along an axis, as matrices (side, side) with reflected borders."""
    one, two = (gaussian_filter1d(np.eye(side), EDGE_SIGMA, axis=0, order=order) for order in (0, 2))
    return torch.from_numpy(one).float(), torch.from_numpy(two).float()


def edges(x: Tensor) -> Tensor:
    """Laplacian of Gaussian of (1, 1, D, H, W): scipy's `gaussian_laplace`, as products with a matrix per axis."""
    (gd, ld), (gh, lh), (gw, lw) = (_filters(side) for side in x.shape[2:])
    smooth = x @ gw.T
    curved = gh @ (x @ lw.T) + lh @ smooth
    smooth = gh @ smooth
    return (gd @ curved.flatten(3) + ld @ smooth.flatten(3)).view(x.shape)


_edge_energy = lru_cache(maxsize=1)(lambda x: edges(x).square_())
_energy_of_errors_edges = lru_cache(maxsize=1)(lambda x, y: edges(x - y).square_())


def hfen(x: Tensor, y: Tensor, inside: Tensor | None, window: int) -> Tensor:
    """High-frequency error norm: root of the energy of the error's edges over that of the original's edges."""
    return (_total(_energy_of_errors_edges(x, y), inside) / _total(_edge_energy(x), inside)).sqrt()

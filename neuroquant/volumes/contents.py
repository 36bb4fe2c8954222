"""Whether what lies in a mask can be a brain: not cut off by the image's border, and no phantom or noise."""

import numpy as np
from scipy import ndimage

from neuroquant.scans.grid import Grid
from neuroquant.volumes.geometry import bounding_box

SLOW_MM = 5.0
"""Sigma of the Gaussian whose result counts as slow changes: a bias field, the profile of a coil."""
RIM_MM = 3.0
"""What is nearer to the mask's surface doesn't count: there even a phantom changes quickly."""
APART_MM = 2.0
"""How far apart the compared voxels are: interpolation makes direct neighbours alike, in noise too."""


def border_share(brain: np.ndarray, grid: Grid, own: Grid) -> float:
    """How much of a brain lies in an outermost plane of its scan, relative to its largest plane along that axis.

    About 0 for a whole brain. A cut of 10 mm through the top of an adult's head gives about 0.3.

    Parameters
    ----------
    brain : (D, H, W), bool, on `grid`.
    own : the scan's own grid, of the same orientation and from the same corner. Where slices are thicker than voxels of
        `grid`, what lies beyond the middle of the last slice was never seen and doesn't count.
    """
    shares = []
    for axis in range(3):
        area = brain.sum(axis=tuple(other for other in range(3) if other != axis))
        coarser = own.sides[axis] / grid.sides[axis]
        first = int(np.ceil(coarser / 2 - 0.5 - 1e-3))
        last = int(np.floor((own.shape[axis] - 0.5) * coarser - 0.5 + 1e-3))
        ends = area[[max(first, 0), min(max(last, 0), len(area) - 1)]]
        shares.append(float(ends.max() / area.max()))
    return max(shares)


def structure(image: np.ndarray, brain: np.ndarray, voxel_mm: float) -> float:
    """By how much the intensities of structures in a brain (D, H, W) differ, relative to their mean.

    The root of the covariance of voxels `APART_MM` from one another, without slow changes. A phantom is constant but
    for a bias field and noise, and noise has no neighbours that agree, so that both are near 0, whatever the contrast.
    """
    first, size = bounding_box(brain)
    box = tuple(slice(f, f + s) for f, s in zip(first, size, strict=True))
    brain, image = brain[box], np.where(brain[box], image[box], 0).astype(np.float32)
    inner = ndimage.binary_erosion(brain, iterations=max(1, round(RIM_MM / voxel_mm)))
    if not inner.any() or not (mean := float(image[inner].mean())) > 0:
        return 0.0
    slow, weight = (
        ndimage.gaussian_filter(each, SLOW_MM / voxel_mm, mode="constant", truncate=3)
        for each in (image, brain.astype(np.float32))
    )
    quick = image - slow / np.maximum(weight, 1e-6)
    step, products, pairs = max(1, round(APART_MM / voxel_mm)), 0.0, 0
    for axis in range(3):
        values, counted = np.moveaxis(quick, axis, 0), np.moveaxis(inner, axis, 0)
        both = counted[step:] & counted[:-step]
        products += float(np.dot(values[step:][both], values[:-step][both]))
        pairs += int(np.count_nonzero(both))
    return float(np.sqrt(max(products, 0.0) / max(pairs, 1)) / mean)

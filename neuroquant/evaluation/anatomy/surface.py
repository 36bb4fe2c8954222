"""Normalised surface distance: the share of two surfaces that is near the other one (Nikolov et al. 2018)."""

from itertools import product

import numpy as np


def surfaces(labels: np.ndarray) -> np.ndarray:
    """A label map (D, H, W) in which every voxel is 0 that has no face to another label, or to the outside."""
    padded = np.pad(labels, 1)
    alike = np.ones(labels.shape, bool)
    for axis, side in enumerate(labels.shape):
        for first in (0, 2):
            neighbours = [slice(first, first + side) if other == axis else slice(1, -1) for other in range(3)]
            alike &= padded[tuple(neighbours)] == labels
    return np.where(alike, 0, labels)


def offsets_within(distance_mm: float, voxel_mm: tuple[float, ...]) -> np.ndarray:
    """Steps (N, 3), in voxels, to all voxels within a distance, the nearest first."""
    limit = distance_mm * (1 + 1e-9) + 1e-9  # what is just as far counts, however it is rounded
    steps = np.array(list(product(*(range(-int(limit / side), int(limit / side) + 1) for side in voxel_mm))))
    far = np.linalg.norm(steps * np.asarray(voxel_mm, float), axis=1)
    return steps[np.argsort(far, kind="stable")][: (far <= limit).sum()]


def normalised_surface_distances(
    a: np.ndarray, b: np.ndarray, voxel_mm: tuple[float, ...], tolerance_mm: float
) -> dict[int, float]:
    """Label -> share of the voxels of both surfaces that lie within the tolerance of the other one; in 0 to 1.

    As `monai.metrics.compute_surface_dice` without subvoxels. 0 where one of the two is absent.

    Parameters
    ----------
    a, b : (D, H, W), as `surfaces` gives them.
    voxel_mm : sides of a voxel, mm.
    """
    steps = offsets_within(tolerance_mm, voxel_mm)
    margins = [(reach, reach) for reach in steps.max(0)]
    one, other = (np.pad(labels, margins) for labels in (a, b))
    strides = np.array([one.shape[1] * one.shape[2], one.shape[2], 1])
    top = int(max(a.max(initial=0), b.max(initial=0))) + 1
    total, near = np.zeros(top, int), np.zeros(top, int)
    for own, theirs in ((one.ravel(), other.ravel()), (other.ravel(), one.ravel())):
        places = np.flatnonzero(own)
        total += np.bincount(own[places], minlength=top)
        for step in steps @ strides:
            if not len(places):
                break
            alike = theirs[places + step] == own[places]
            near += np.bincount(own[places[alike]], minlength=top)
            places = places[~alike]
    return {int(label): near[label] / total[label] for label in np.flatnonzero(total)}

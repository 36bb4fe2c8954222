"""Three planes of a head with the outline of its brain mask, small enough to be kept of every session."""

import numpy as np
from scipy import ndimage

SIDE = 128
"""Pixels of a plane."""
OUTLINE = 255
"""The value of the mask's outline; grey values lie below."""
TOP = 99.5
"""Percentile of the head's signal that is white."""
NO_PLANES = np.zeros((3, SIDE, SIDE), np.uint8)


def planes(head: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Planes through the middle of the brain, uint8 (3, SIDE, SIDE), of one scale: sagittal, coronal, axial.

    The whole field of view is in them, so that a mask which misses brain or takes in scalp shows. The first row is the
    top of the head, or its front.

    Parameters
    ----------
    head, brain : (D, H, W) on one grid of cubes in RAS+; the brain isn't empty.
    """
    middle = [int(np.average(np.arange(side), weights=_filled(brain, axis))) for axis, side in enumerate(brain.shape)]
    scale = SIDE / max(head.shape)
    signal = head[head > 0]
    top = float(np.percentile(signal, TOP)) if signal.size else 1.0
    drawn = NO_PLANES.copy()
    for axis in range(3):
        image, inside = (_turned(np.take(array, middle[axis], axis), scale) for array in (head, brain))
        grey = (np.clip(image / top, 0, 1) * (OUTLINE - 1)).astype(np.uint8)
        grey[inside & ~ndimage.binary_erosion(inside, border_value=1)] = OUTLINE
        first = [(SIDE - side) // 2 for side in grey.shape]
        drawn[axis][tuple(slice(f, f + s) for f, s in zip(first, grey.shape, strict=True))] = grey
    return drawn


def _filled(brain: np.ndarray, axis: int) -> np.ndarray:
    return brain.sum(axis=tuple(other for other in range(3) if other != axis))


def _turned(plane: np.ndarray, scale: float) -> np.ndarray:
    """A plane, head up, on pixels of another size: the nearest voxel of each."""
    plane = plane.T[::-1]
    rows, columns = (
        np.minimum(((np.arange(max(1, round(side * scale))) + 0.5) / scale).astype(int), side - 1)
        for side in plane.shape
    )
    return plane[np.ix_(rows, columns)]

"""The ceiling of agreement: an engine against itself on the same head, moved by less than a voxel."""

import numpy as np

NAME = "ceiling"
"""What score tables call it."""
LABELS, VOLUMES = "labels_moved", "volumes_moved"
"""Arrays beside the segmentations of originals."""
STEP = 0.5 / np.sqrt(3)
"""Voxels along each axis: half a voxel along the diagonal."""


def moved(volume: np.ndarray) -> np.ndarray:
    """A volume (D, H, W) moved rigidly by half a voxel along the diagonal, with trilinear interpolation.

    No axis moves by half a voxel or more, so every voxel of the moved image has one nearest voxel of the original: its
    own. Segmentations of the two are compared as they are, and no label is ever interpolated.
    """
    shifted = volume.astype(np.float32)
    for axis in range(3):
        following = np.concatenate(
            [shifted.take(range(1, shifted.shape[axis]), axis), shifted.take([-1], axis)], axis
        )  # the outermost layer stands for what lies beyond it
        shifted = ((1 - STEP) * shifted + STEP * following).astype(np.float32)
    return shifted

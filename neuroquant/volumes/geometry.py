"""Where a volume lies in its scan: boxing, cutting out and pasting back. No voxel is resampled."""

import numpy as np


def bounding_box(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First voxel (3,) and size (3,) of the smallest box that holds all of a mask (D, H, W) that isn't empty."""
    lines = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    first = np.array([line[0] for line in lines])
    return first, np.array([line[-1] for line in lines]) + 1 - first


def centred_start(first: np.ndarray, size: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Voxel of the scan at index 0 of a volume of `shape` that has the box in its middle; may be negative."""
    return first - (np.asarray(shape) - size) // 2


def cut(array: np.ndarray, start: np.ndarray, shape: tuple[int, int, int], fill: float) -> np.ndarray:
    """The volume of `shape` whose index 0 is voxel `start` of `array`; what lies outside the array is `fill`."""
    volume = np.full(shape, fill, array.dtype)
    inside, outside = _overlap(array.shape, start, shape)
    volume[inside] = array[outside]
    return volume


def paste(volume: np.ndarray, start: np.ndarray, shape: tuple[int, int, int], fill: float) -> np.ndarray:
    """The inverse of `cut`: an array of `shape` that holds the volume where it was, and `fill` elsewhere."""
    array = np.full(shape, fill, volume.dtype)
    inside, outside = _overlap(shape, start, volume.shape)
    array[outside] = volume[inside]
    return array


def volume_affine(affine: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The affine (4, 4) of a volume cut at `start` out of a scan with `affine`: a voxel keeps its place in space."""
    shifted = np.array(affine, float)
    shifted[:3, 3] += shifted[:3, :3] @ np.asarray(start, float)
    return shifted


def _overlap(
    scan: tuple[int, ...], start: np.ndarray, volume: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of the volume and of the scan that are the same voxels."""
    low = np.minimum(np.maximum(start, 0), scan)
    high = np.maximum(np.minimum(np.asarray(start) + volume, scan), low)
    inside = tuple(slice(a, b) for a, b in zip(low - start, high - start, strict=True))
    return inside, tuple(slice(a, b) for a, b in zip(low, high, strict=True))

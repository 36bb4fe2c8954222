"""Scans as engines take them, and segmentations as they give them back, on the scan's own grid."""

from typing import NamedTuple

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.processing import resample_from_to
from scipy import ndimage

from neuroquant.errors import InputError

SIDE_MM, OFF_MM = 1.0, 0.05
"""Voxel side of the official networks, and by how much a scan's may differ before it is resampled."""
BLUR = 0.25
"""Gaussian against aliasing along axes that lose resolution: its sigma in new voxels."""
PERCENTILES = (0.5, 99.5)
"""Of a volume, between which engines see its grey values."""
LEAST = 4
"""Voxels that a scan has along each axis at least."""


class Scan(NamedTuple):
    """What is segmented.

    Attributes
    ----------
    name : for messages alone.
    volume : (D, H, W), any orientation, background 0
    affine : (4, 4), voxels to mm
    """

    name: str
    volume: np.ndarray
    affine: np.ndarray


class Found(NamedTuple):
    """A segmentation: labels (D, H, W) int16 on the scan's own grid, and soft volumes (labels,) in mm3."""

    labels: np.ndarray
    volumes: np.ndarray


def checked(scan: Scan) -> Scan:
    """The scan, with a fourth axis of length one dropped.

    Raises
    ------
    InputError
        If it isn't one volume of numbers with something in it, or its affine is singular.
    """
    volume, remedy = np.asarray(scan.volume), "give one brain scan, or exclude this one"
    if volume.ndim == 4 and volume.shape[3] == 1:
        volume = volume[..., 0]
    if volume.ndim != 3 or min(volume.shape) < LEAST:
        raise InputError(scan.name, f"an array of shape {volume.shape}", f"three sides of {LEAST} or more", remedy)
    if not np.isfinite(volume).all():
        bad = int(volume.size - np.isfinite(volume).sum())
        raise InputError(scan.name, f"{bad} voxels that aren't finite", "numbers", remedy)
    if volume.max() == volume.min():
        raise InputError(scan.name, f"the same value, {volume.max():g}, in every voxel", "a brain", remedy)
    if not np.isfinite(scan.affine).all() or abs(np.linalg.det(scan.affine[:3, :3])) < 1e-6:
        raise InputError(scan.name, "a singular affine", "voxels with a size", "correct the scan's header")
    return Scan(scan.name, volume, scan.affine)


def ready(scan: Scan) -> nib.Nifti1Image:
    """A scan as the official networks want it: 1 mm isotropic, axes turned to the nearest of RAS+.

    As SynthSeg does, voxels are resampled only where a side is off by more than 0.05 mm, along the scan's own axes: an
    oblique scan stays oblique.

    Raises
    ------
    InputError
        As `checked`.
    """
    name, volume, affine = checked(scan)
    sides = voxel_sizes(affine)
    image = nib.Nifti1Image(volume.astype(np.float32), affine)
    if (np.abs(sides - SIDE_MM) > OFF_MM).any():
        sigma = np.where(sides > SIDE_MM, 0, BLUR * SIDE_MM / sides)
        blurred = nib.Nifti1Image(ndimage.gaussian_filter(volume.astype(np.float32), sigma), affine)
        # beyond the middle of the outermost voxels the image goes on as it is there
        image = resample_from_to(blurred, cubes(volume.shape, affine, sides), order=1, mode="nearest")
    return nib.as_closest_canonical(image)


def upright(scan: Scan) -> float:
    """Side in mm of a cube as large as a voxel, of a scan whose axes are nearest to RAS+, as the workflow's are.

    Raises
    ------
    InputError
        As `checked`; or if the scan is turned another way.
    """
    name, _, affine = checked(scan)
    turned = "".join(nib.aff2axcodes(affine))
    if turned != "RAS":
        raise InputError(
            name, f"axes {turned}", "RAS: the stand-in doesn't turn an image",
            "preprocess it first, or use segmentation.engine: torch, which does",
        )  # fmt: skip
    return cube_side(affine)


def cube_side(affine: np.ndarray) -> float:
    """Side in mm, to a millionth, of a cube as large as a voxel of an affine (4, 4)."""
    return round(float(abs(np.linalg.det(affine[:3, :3])) ** (1 / 3)), 6)


def cubes(shape: tuple[int, ...], affine: np.ndarray, sides: np.ndarray) -> tuple[tuple[int, ...], np.ndarray]:
    """Shape and affine of 1 mm cubes along a scan's own axes that begin at the same corner."""
    turned = affine @ np.diag([*(SIDE_MM / sides), 1.0])
    corner = affine[:3, 3] - affine[:3, :3] @ np.full(3, 0.5)
    turned[:3, 3] = corner + turned[:3, :3] @ np.full(3, 0.5)
    return tuple(int(np.ceil(n * side / SIDE_MM - 1e-3)) for n, side in zip(shape, sides, strict=True)), turned


def on_grid(labels: nib.Nifti1Image, scan: Scan) -> np.ndarray:
    """A label map (D, H, W) on the scan's grid: as it is where the two agree, else the nearest label."""
    shape, values = scan.volume.shape[:3], np.asarray(labels.dataobj).astype(np.int16)
    if labels.shape == shape and np.allclose(labels.affine, scan.affine, atol=OFF_MM / 10):
        return values
    resampled = resample_from_to(nib.Nifti1Image(values, labels.affine), (shape, scan.affine), order=0)
    return np.asarray(resampled.dataobj).astype(np.int16)


def normalised(volume: np.ndarray) -> np.ndarray:
    """Clip (D, H, W) to its percentiles, zeros included, and scale to [0, 1]."""
    low, high = np.percentile(volume, PERCENTILES)
    if high <= low:
        return np.zeros(volume.shape, np.float32)
    return ((np.clip(volume, low, high) - low) / (high - low)).astype(np.float32)

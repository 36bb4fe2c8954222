"""A volume back onto its scan: the inverse of preprocessing, as far as it can be undone."""

import nibabel as nib
import numpy as np

from neuroquant.volumes.geometry import from_ras, paste
from neuroquant.volumes.intensity import denormalise
from neuroquant.volumes.store import Geometry


def restore(array: np.ndarray, geometry: Geometry, mask: np.ndarray | None = None) -> nib.Nifti1Image:
    """Write a volume back with the grid, orientation and intensities of its scan, as float32.

    Parameters
    ----------
    array : (D, H, W) in [-1, 1].
    geometry : how it was cut out.
    mask : (D, H, W), the brain; 0 is written outside it. Without it 0 is written where the volume is -1.

    Returns
    -------
    nibabel.Nifti1Image
        Voxels outside the volume are 0. Intensities beyond the percentiles of preprocessing stay clipped.
    """
    volume = np.asarray(array, np.float32)
    inside = volume > -1 if mask is None else np.asarray(mask, bool)
    scanner = np.where(inside, denormalise(volume, geometry.intensity), np.float32(0))
    ras = paste(scanner, np.asarray(geometry.start), geometry.shape, 0.0)
    affine = np.asarray(geometry.source_affine)
    return nib.Nifti1Image(from_ras(ras, affine), affine)


def restore_labels(labels: np.ndarray, geometry: Geometry) -> nib.Nifti1Image:
    """As `restore`, for a label map (D, H, W): int16, 0 outside the volume."""
    ras = paste(np.asarray(labels, np.int16), np.asarray(geometry.start), geometry.shape, 0)
    affine = np.asarray(geometry.source_affine)
    return nib.Nifti1Image(from_ras(ras, affine), affine)

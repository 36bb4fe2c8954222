"""A volume back onto its scan: the inverse of preprocessing, as far as it can be undone."""

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to

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
        Voxels outside the volume are 0. Exact inside the box where the scan was only turned and cut; where it was
        resampled or registered, it is interpolated back onto its file's grid. Intensities beyond the percentiles of
        preprocessing stay clipped.
    """
    volume = np.asarray(array, np.float32)
    inside = volume > -1 if mask is None else np.asarray(mask, bool)
    scanner = np.where(inside, denormalise(volume, geometry.intensity), np.float32(0))
    return _to_source(paste(scanner, np.asarray(geometry.start), geometry.shape, 0.0), geometry, order=3)


def restore_labels(labels: np.ndarray, geometry: Geometry) -> nib.Nifti1Image:
    """As `restore`, for a label map (D, H, W): int16, 0 outside the volume."""
    ras = paste(np.asarray(labels, np.int16), np.asarray(geometry.start), geometry.shape, 0)
    return _to_source(ras, geometry, order=0)


def _to_source(ras: np.ndarray, geometry: Geometry, order: int) -> nib.Nifti1Image:
    """From the grid in RAS+ to the file's: turned where it is the file's own, else interpolated."""
    affine = np.asarray(geometry.source_affine)
    if geometry.moved is None:
        return nib.Nifti1Image(from_ras(ras, affine), affine)
    placed = nib.Nifti1Image(ras, np.asarray(geometry.moved) @ np.asarray(geometry.affine))
    image = resample_from_to(placed, (geometry.source_shape, affine), order=order)
    data = np.asarray(image.dataobj)
    low, high = min(float(ras.min()), 0.0), float(ras.max())
    return nib.Nifti1Image(np.clip(data, low, high).astype(ras.dtype), affine)

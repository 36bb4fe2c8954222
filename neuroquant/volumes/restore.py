"""A volume back onto its scan: the inverse of preprocessing, as far as it can be undone."""

import gzip
import re
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.processing import resample_from_to

from neuroquant.errors import InputError
from neuroquant.files import file_name, require_writable, written_whole
from neuroquant.scans.grid import from_ras
from neuroquant.store.arrays import ArrayFile, Geometry
from neuroquant.volumes.geometry import paste
from neuroquant.volumes.intensity import denormalise

NIFTI = r"\.nii(\.gz)?$"
"""How the names of NIfTI files end."""
MADE_BY = b"NeuroQuant"
"""What the header of an image that is written here says (`descrip`)."""


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


def restore_shard(shard_h5: Path, out: Path, volumes_h5: Path | None = None, subject: str | None = None) -> list[Path]:
    """Write the images of a shard, or its label maps where it has no images, as NIfTI; returns the files.

    Parameters
    ----------
    shard_h5 : volumes, reconstructions or segmentations.
    volumes_h5 : volumes of the same sessions, whose brain masks say what is background.
    subject : write this one alone.

    Raises
    ------
    InputError
        If the two shards hold other sessions, the subject isn't in it, nothing in it can be restored, or a subject's or
        session's name is none for a file.
    """
    shard, volumes, kind = open_shards(shard_h5, volumes_h5)
    if volumes is not None and [record.key for record in volumes.records] != [record.key for record in shard.records]:
        raise InputError(str(volumes_h5), "other sessions", f"those of {shard_h5}", "name the shard of the same number")
    rows = [row for row, record in enumerate(shard.records) if subject in (None, record.subject)]
    if not rows:
        raise InputError(
            str(shard_h5), f"no subject {subject}", "one of its subjects", "look into the cohort's splits.tsv"
        )
    kept = [shard.records[row] for row in rows]
    names = [file_name(str(shard_h5), record.subject, record.session, record.modality) for record in kept]
    refuse_twins([str(shard_h5)] * len(names), names)
    refuse_folder_of(shard_h5, volumes_h5, out)
    require_writable(out)
    written = []
    for row, record, name in zip(rows, kept, names, strict=True):
        if record.geometry is None:
            raise InputError(
                f"{shard_h5}: {name}", "no geometry", "where the volume lies in its scan", "name another shard"
            )
        if kind == "labels":
            image = restore_labels(shard.read("labels", row), record.geometry)
        else:
            mask = None if volumes is None else volumes.read("mask", row)
            image = restore(shard.read("image", row), record.geometry, mask)
        written.append(write_image(image, out / f"{name}{'_dseg' if kind == 'labels' else ''}.nii.gz"))
    return written


def open_shards(shard_h5: Path, volumes_h5: Path | None) -> tuple[ArrayFile, ArrayFile | None, str]:
    """A shard, the one that has its brain masks (None where neither has), and its array that is written.

    Raises
    ------
    InputError
        If it has neither images nor label maps.
    """
    shard = ArrayFile(shard_h5)
    volumes = ArrayFile(volumes_h5) if volumes_h5 else (shard if "mask" in shard.names else None)
    kind = next((name for name in ("image", "labels") if name in shard.names), None)
    if kind is None:
        raise InputError(
            str(shard_h5), f"arrays {', '.join(shard.names)}", "`image` or `labels`", "name a shard of volumes, "
            "reconstructions or segmentations",
        )  # fmt: skip
    return shard, volumes, kind


def refuse_folder_of(shard_h5: Path, volumes_h5: Path | None, out: Path) -> None:
    """Refuse to write images among the shards that they are read from.

    Raises
    ------
    InputError
        If `out` is the folder of a shard, or lies below it.
    """
    for path in filter(None, (shard_h5, volumes_h5)):
        if out.resolve().is_relative_to(path.resolve().parent):
            raise InputError(
                str(out), f"a folder within that of {path}", "a folder outside of what is read", "choose another --out"
            )


def refuse_twins(origins: list[str], names: list[str]) -> None:
    """Refuse two images that would be written into one file.

    Parameters
    ----------
    origins : the file that each comes from.
    names : what each would be called.

    Raises
    ------
    InputError
        If a name stands twice.
    """
    first: dict[str, str] = {}
    for origin, name in zip(origins, names, strict=True):
        if name in first:
            clash = f"the name {name}, as {first[name]} has it"
            raise InputError(origin, clash, "names that differ", "give each an --out")
        first[name] = origin


def write_image(image: nib.Nifti1Image, path: Path) -> Path:
    """Write a NIfTI, whole or not at all; returns its path. The same image gives the same bytes.

    Raises
    ------
    InputError
        If the name doesn't end as a NIfTI's, a file that wasn't made here has it, or a voxel isn't a number.
    """
    require_nifti_name(path)
    refuse_foreign(path)
    if not np.isfinite(np.asarray(image.dataobj)).all():
        raise InputError(
            str(path), "an image with NaN or infinite voxels; nothing was written", "finite numbers",
            "look at where it comes from: such a reconstruction isn't one of a trained model",
        )  # fmt: skip
    image.header["descrip"] = MADE_BY
    data = image.to_bytes()
    with written_whole(path) as scratch:
        scratch.write_bytes(gzip.compress(data, 4, mtime=0) if path.suffix == ".gz" else data)
    return path


def refuse_foreign(path: Path) -> None:
    """Refuse to replace an image that wasn't made here: images that are written are called after their scans.

    Raises
    ------
    InputError
        If there is one at `path`.
    """
    if not path.is_file():
        return
    try:
        made_by = nib.load(path).header["descrip"].tobytes()
    except (OSError, EOFError, ValueError, LookupError, ImageFileError):
        made_by = b""
    if not made_by.startswith(MADE_BY):
        raise InputError(
            str(path), "a file that NeuroQuant didn't make", "a free name, or an image that it made",
            "choose another --out; the file is untouched",
        )  # fmt: skip


def require_nifti_name(path: Path) -> None:
    """Refuse a name that doesn't end as a NIfTI's.

    Raises
    ------
    InputError
        If it ends with neither .nii nor .nii.gz.
    """
    if not re.search(NIFTI, path.name):
        raise InputError(str(path), "the name of no NIfTI", ".nii.gz or .nii at its end", "name the file so")

"""What a user may give as a scan: a file, a nibabel image, or an array with its affine; one, or a list of them."""

import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialImage

from neuroquant.errors import InputError
from neuroquant.volumes.restore import NIFTI

Voxels = Path | str | SpatialImage | np.ndarray
"""A scan or a mask: a file's name, a nibabel image, or an array (I, J, K)."""
SUPPLY = "give a path, a nibabel image, or an array with its affine"


@dataclass(frozen=True)
class Given:
    """One scan as it was given.

    Attributes
    ----------
    name : the file's name, or what stands for it in messages
    voxels : the scan
    modality : BIDS suffix; None: the one with which the name ends
    mask : the brain on the scan's grid; None: to be found
    affine : (4, 4), voxel to world in mm and RAS+, of an array
    """

    name: str
    voxels: Voxels
    modality: str | None = None
    mask: Voxels | None = None
    affine: np.ndarray | None = None

    @property
    def is_file(self) -> bool:
        """Whether the scan and its mask are files, or there is no mask."""
        return isinstance(self.voxels, Path | str) and (self.mask is None or isinstance(self.mask, Path | str))


def one_scan(voxels: Any, modality: str | None, mask: Any, affine: Any, number: int | None = None) -> Given:
    """A scan that isn't a list.

    Parameters
    ----------
    number : its place in a list, from 1; by this a scan without a file is called.

    Raises
    ------
    InputError
        If it is none of what may be given, or an array without an affine.
    """
    name = "scan" if number is None else f"scan-{number}"
    if isinstance(voxels, tuple) and len(voxels) == 2:
        voxels, affine = voxels
    if isinstance(voxels, Path | str):
        return Given(str(voxels), voxels, modality, mask)
    if isinstance(voxels, SpatialImage):
        return Given(voxels.get_filename() or name, voxels, modality, mask)
    array = _array(voxels, name)
    if affine is None:
        raise InputError(name, f"an array of {array.shape} without an affine", "where its voxels lie", SUPPLY)
    matrix = np.asarray(affine, dtype=float)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InputError(f"{name}: affine", f"an array of {matrix.shape}", "4 x 4 finite numbers, in mm", SUPPLY)
    return Given(name, array, modality, mask, matrix)


def in_list(scans: Sequence[Any], modality: Any, mask: Any, affine: Any) -> list[tuple[Any, ...]]:
    """The arguments of `one_scan` for each scan of a list, in its order.

    Parameters
    ----------
    modality, mask, affine : one for all, or a list with one for each.

    Raises
    ------
    InputError
        If a list has another length than that of the scans.
    """
    beside = {"modality": modality, "mask": mask, "affine": affine}
    for name, values in beside.items():
        if isinstance(values, list) and len(values) != len(scans):
            raise InputError(
                f"{name} of {len(scans)} scans", f"a list of {len(values)}", "one for all, or a list with one for each",
                "give as many as there are scans",
            )  # fmt: skip
    columns = [values if isinstance(values, list) else [values] * len(scans) for values in beside.values()]
    return list(zip(scans, *columns, range(1, len(scans) + 1), strict=True))


@contextmanager
def as_files(given: Given) -> Iterator[tuple[Given, dict[str, str]]]:
    """The same scan as files, and what these are called in messages: path -> name.

    Images and arrays are written to a temporary folder, so that they go through the same checks as files.

    Raises
    ------
    InputError
        If the voxels are no plain numbers or can't be read.
    """
    if given.is_file:
        yield given, {}
        return
    with TemporaryDirectory(prefix="neuroquant-") as folder:
        names: dict[str, str] = {}
        paths: dict[str, Path | str | None] = {"voxels": given.voxels, "mask": given.mask}
        for kind, called in (("voxels", given.name), ("mask", f"the mask of {given.name}")):
            voxels = paths[kind]
            if voxels is None or isinstance(voxels, Path | str):
                continue
            paths[kind] = Path(folder) / f"{kind}.nii"
            image = _image(voxels, _affine_of(given), called)
            paths[kind].write_bytes(image.to_bytes())
            names[str(paths[kind])] = called
        yield replace(given, **paths), names


def _affine_of(given: Given) -> np.ndarray:
    """The affine of a scan, which a mask without its own shares."""
    if given.affine is not None:
        return given.affine
    if isinstance(given.voxels, SpatialImage):
        return given.voxels.affine
    try:
        return nib.load(given.voxels).affine
    except (OSError, ImageFileError, HeaderDataError, ValueError):
        return np.eye(4)  # the scan itself is refused, with the reason


def _image(voxels: Any, affine: np.ndarray, name: str) -> nib.Nifti1Image:
    """An image or an array as NIfTI of float32; of an image, as its header says where it lies."""
    if not isinstance(voxels, SpatialImage):
        return nib.Nifti1Image(_array(voxels, name).astype(np.float32), affine)
    _require_numbers(voxels.get_data_dtype(), name)
    try:
        data = np.asarray(voxels.dataobj, dtype=np.float32)
    except (OSError, EOFError, ValueError, TypeError, zlib.error, ImageFileError) as error:
        raise InputError(
            name, f"voxels that can't be read to the end ({type(error).__name__})", "a whole image", "copy it again"
        ) from None
    header = None
    if isinstance(voxels.header, nib.Nifti1Header):
        header = nib.Nifti1Header.from_header(voxels.header, check=False)
        header.set_data_dtype(np.float32)
        header.set_slope_inter(1, 0)
    return nib.Nifti1Image(data, voxels.affine, header)


def _array(voxels: Any, name: str) -> np.ndarray:
    """An array (I, J, K) of numbers.

    Raises
    ------
    InputError
        If it is none, or has another number of sides.
    """
    try:
        array = np.asarray(voxels)
    except (ValueError, TypeError, RuntimeError):
        array = np.asarray(None)
    if array.ndim == 0:
        raise InputError(name, f"an object of type {type(voxels).__name__}", "a scan", SUPPLY)
    _require_numbers(array.dtype, name)
    if array.ndim != 3:
        raise InputError(name, f"an array of {array.shape}", "three sides, one volume", "give one volume at a time")
    return array


def _require_numbers(kind: np.dtype, name: str) -> None:
    if kind.kind not in "iufb":
        raise InputError(
            name, f"voxels of type {kind}, not plain numbers", "whole or floating-point numbers", "convert it"
        )


def stem_of(path: Path | str) -> str:
    """A file's name without .nii or .nii.gz."""
    return re.sub(NIFTI, "", Path(path).name)


def modality_of(path: Path | str, modalities: tuple[str, ...]) -> str:
    """The modality with which a file's name ends; of several, the longest.

    Raises
    ------
    InputError
        If it ends with none of them.
    """
    named = [name for name in modalities if stem_of(path).endswith(name)]
    if not named:
        raise InputError(
            str(path),
            f"a name that ends with none of {', '.join(modalities)}, the model's modalities",
            "its modality",
            "say which of these it is",
        )
    return max(named, key=len)

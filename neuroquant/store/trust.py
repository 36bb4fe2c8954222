"""What a shard or a file of tokens says of itself, believed only as far as it can be true: it may come from anybody."""

import math
from collections.abc import Iterable
from typing import Any

import h5py
import numpy as np
from nibabel.orientations import io_orientation

from neuroquant.errors import InputError

VOXELS_MOST = 2**30
"""Voxels of the largest scan that a volume is put back onto, 1024 a side: what a file says costs memory at once."""
TEXT_BYTES_MOST = 2**28
"""Bytes of the longest text in a file."""
ROW_BYTES_MOST = 2**32
"""Bytes of the largest row of an array; compressed, a small file can announce any number of them."""
READING = (
    OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, ArithmeticError, MemoryError, IndexError,
)  # fmt: skip
"""What h5py and the parsers of JSON raise for files that are damaged, or made to look like what they aren't."""


class Untrue(ValueError):
    """Why a file isn't what it says, in words."""


def own(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """A member of an HDF5 file whose bytes lie in that file.

    Raises
    ------
    Untrue
        If it is missing, a link, or its values lie in another file (external storage, a virtual data set).
    """
    link = group.get(name, getlink=True)
    if link is None:
        raise Untrue(f"no {name}")
    if not isinstance(link, h5py.HardLink):
        raise Untrue(f"{name} is a link, to {ascii(getattr(link, 'filename', '') or link.path)}")
    item = group[name]
    if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
        raise Untrue(f"the values of {name} lie in another file")
    return item


def text_of(group: h5py.Group, name: str) -> str:
    """A text that is kept as a row of bytes.

    HDF5's own strings of variable length aren't read: where such a file is damaged, the HDF5 library can loop forever.

    Raises
    ------
    Untrue
        If it is missing, lies in another file, or isn't such a row.
    """
    item = own(group, name)
    if not isinstance(item, h5py.Dataset) or item.dtype != "u1" or item.ndim != 1 or item.size > TEXT_BYTES_MOST:
        raise Untrue(f"{name} isn't text in bytes")
    return item[()].tobytes().decode()


def layout_of(group: h5py.Group, rows: int) -> dict[str, tuple[tuple[int, ...], Any, int | None]]:
    """Name -> shape, type and offset (None where it is compressed) of the arrays of a shard with so many rows.

    Raises
    ------
    Untrue
        If an array isn't one of plain numbers with `rows` rows, in this very file.
    """
    layout = {}
    for name in group:
        array = own(group, name)
        if not isinstance(array, h5py.Dataset) or array.dtype.kind not in "biuf":
            raise Untrue(f"array {ascii(name)} isn't one of numbers")
        if array.shape[:1] != (rows,):
            raise Untrue(f"array {ascii(name)} is {array.shape}, with {rows} images")
        if math.prod(array.shape[1:]) * array.dtype.itemsize > ROW_BYTES_MOST:
            raise Untrue(f"array {ascii(name)} is {array.shape}, more than {ROW_BYTES_MOST >> 30} GiB an image")
        layout[name] = (array.shape, array.dtype, array.id.get_offset())
    return layout


def check_geometry(geometry: dict[str, Any]) -> None:
    """Refuse a volume's place in its scan that can't be, given as the fields of a `Geometry`.

    Raises
    ------
    Untrue
        If an affine isn't 4 x 4, finite and invertible, a shape isn't that of a scan, or intensities aren't a range.
    """
    for name in ("affine", "source_affine", "moved"):
        matrix = geometry.get(name)
        if name == "moved" and matrix is None:
            continue
        if [len(row) for row in matrix] != [4] * 4 or not _finite(value for row in matrix for value in row):
            raise Untrue(f"geometry.{name} isn't a matrix of 4 x 4 finite numbers")
        if not abs(_determinant(matrix)) > 1e-12:
            raise Untrue(f"geometry.{name} is singular")
        if not _finite(io_orientation(np.array(matrix, dtype=float)).flat):
            raise Untrue(f"geometry.{name} doesn't say in which direction each axis runs")
    for name in ("shape", "source_shape"):
        sides = geometry[name]
        if min(sides) < 1 or math.prod(sides) > VOXELS_MOST:
            raise Untrue(f"geometry.{name} is {sides}, of at most {VOXELS_MOST} voxels")
    if geometry.get("moved") is None and sorted(geometry["shape"]) != sorted(geometry["source_shape"]):
        raise Untrue("geometry.shape has other sides than geometry.source_shape")
    if max(map(abs, geometry["start"])) > VOXELS_MOST:
        raise Untrue(f"geometry.start is {geometry['start']}")
    low, high = geometry["intensity"]
    if not _finite((low, high)) or low > high or max(abs(low), abs(high)) > 1e30:
        raise Untrue(f"geometry.intensity is {low:g} to {high:g}")


def _finite(values: Iterable[float]) -> bool:
    return all(math.isfinite(value) for value in values)


def _determinant(matrix: Any) -> float:
    (a, b, c), (d, e, f), (g, h, i) = (row[:3] for row in matrix[:3])
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def not_readable(path: object, error: Exception, form: str) -> InputError:
    """What can be done about a shard that can't be read. It may be anybody's: nothing is to be deleted.

    Parameters
    ----------
    form : what was expected, in words.
    """
    said = " ".join(str(error).split())
    said = f"{said[:300]}..." if len(said) > 300 else said or type(error).__name__
    if "unable to lock file" in said:
        return InputError(
            str(path), f"locked ({said})", "a file that nobody is writing to, on a file system with locks",
            "wait until the program that holds it is done; where the file system has no locks (some NFS and Lustre), "
            "set HDF5_USE_FILE_LOCKING=FALSE in the environment",
        )  # fmt: skip
    return InputError(
        str(path), f"not readable ({said})", f"a whole {form} file",
        "name a shard or a file of tokens that NeuroQuant wrote, and if it was copied, copy it again; the workflow "
        "creates its own file again with `snakemake PATH --force` and the options of the run",
    )  # fmt: skip

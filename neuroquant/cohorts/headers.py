"""What a NIfTI header alone says against a scan."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

VOXEL_MM = (0.2, 8.0)


class Unusable(Exception):
    """Why a scan can't be used, in words."""


@dataclass(frozen=True)
class Grid:
    """Shape and voxel-to-world affine of a scan."""

    shape: tuple[int, ...]
    affine: np.ndarray

    def same_as(self, other: "Grid") -> bool:
        """Whether both scans lie voxel on voxel, within a hundredth of a millimetre."""
        return self.shape == other.shape and bool(np.allclose(self.affine, other.affine, atol=1e-2))


def read_grid(path: Path) -> Grid:
    """Open one header.

    Raises
    ------
    Unusable
        For a file that is missing, empty, unreadable, truncated, not 3D, or of absurd voxel size.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Unusable(f"can't be opened ({error.strerror})") from None
    if size == 0:
        raise Unusable("the file is empty")
    try:
        image = nib.load(path)
        shape, affine = tuple(int(side) for side in image.shape), np.asarray(image.affine, float)
        needed = int(image.dataobj.offset + np.prod(shape) * image.header.get_data_dtype().itemsize)
    except (ImageFileError, HeaderDataError, OSError, EOFError, zlib.error, ValueError, struct.error) as error:
        raise Unusable(f"not a readable NIfTI file ({type(error).__name__})") from None
    if len(shape) != 3:
        raise Unusable(f"{len(shape)}D, shape {shape}; one 3D volume is expected")
    if min(shape) < 16:
        raise Unusable(f"shape {shape}: fewer than 16 voxels along one side")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        raise Unusable("the affine is singular")
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    if sides.min() < VOXEL_MM[0] or sides.max() > VOXEL_MM[1]:
        raise Unusable(f"voxels of {' x '.join(f'{side:.3g}' for side in sides)} mm")
    if unpacked_bytes(path, size) < needed % 2**32:
        raise Unusable(f"truncated: the header announces {needed} bytes")
    return Grid(shape, affine)


def unpacked_bytes(path: Path, size: int) -> int:
    """Bytes that the file says it holds: its size, or what the gzip trailer states (modulo 2^32)."""
    if path.suffix != ".gz":
        return size
    with open(path, "rb") as file:
        file.seek(-4, 2)
        return struct.unpack("<I", file.read(4))[0]

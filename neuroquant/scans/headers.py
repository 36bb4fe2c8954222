"""What a NIfTI header alone says against a scan."""

import errno
import gzip
import struct
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialHeader

from neuroquant.scans.grid import Grid, corners_apart
from neuroquant.scans.length import misfit
from neuroquant.scans.unusable import Unusable

VOXEL_MM = (0.2, 8.0)
"""Smallest and largest side of a voxel that is taken for an image of a head; synthetic cohorts use up to 7 mm."""
SIDE_MIN = 16
"""Fewest voxels along a side."""
SCALED = 1.5
"""By what factor sform and qform may differ in a voxel's sides: templates are up to a quarter larger than life."""
FORMS_MM = 5.0
"""By how much a corner may differ between sform and qform of one code, which say that both tell the same space."""
SHEARED = 0.05
"""Largest cosine between two axes: 3 degrees off a right angle. A scanner's voxels are boxes; more bends a brain."""
UNITS = {1: ("meter", 1000.0), 3: ("micron", 0.001)}
"""Codes of xyzt_units that aren't millimetres: their name, and mm in one. Files without a known code are in mm."""
NIFTI = ((nib.Nifti1Header, slice(344, 348), b"n+1\0"), (nib.Nifti2Header, slice(4, 8), b"n+2\0"))
"""Headers of single files: their class, and the bytes that tell them."""
UNREADABLE = (
    ImageFileError, HeaderDataError, OSError, EOFError, ValueError, TypeError, KeyError, OverflowError, MemoryError,
    zlib.error, struct.error,
)  # fmt: skip
"""What nibabel raises for files that are no scans, or only half of one."""


def read_grid(path: Path) -> Grid:
    """Open one header; the grid is that of the file's own orientation, in mm whatever the header's unit.

    An image of four or more dimensions that holds one volume is that volume.

    Raises
    ------
    Unusable
        For a file that is missing, empty, unreadable, truncated, longer than its header says, not 3D, of no known
        orientation, or of absurd or sheared voxels.

    Examples
    --------
    >>> import nibabel as nib, numpy as np
    >>> scan = nib.Nifti1Image(np.zeros((32, 40, 32), np.int16), np.diag([2.0, 1.0, 1.0, 1.0]))
    >>> scan.header.set_xyzt_units("mm")
    >>> nib.save(scan, "sub-01_T1w.nii.gz")
    >>> read_grid(Path("sub-01_T1w.nii.gz")).shape
    (32, 40, 32)
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unopened(path, error) from None
    if size == 0:
        raise Unusable("the file is empty: copy it again")
    try:
        header = read_header(path)
        shape = one_volume(tuple(int(side) for side in header.get_data_shape()))
        affine = np.asarray(header.get_best_affine(), float)
        data_type = header.get_data_dtype()
        needed = int(header.get_data_offset()) + data_type.itemsize * int(np.prod([float(side) for side in shape]))
    except PermissionError as error:
        raise _unopened(path, error) from None
    except gzip.BadGzipFile:
        raise Unusable("named .gz, but not compressed: rename it to .nii, or compress it (gzip)") from None
    except UNREADABLE as error:
        why = type(error).__name__
        raise Unusable(f"not a readable NIfTI file ({why}): convert it (dcm2niix), or copy it again") from None
    if data_type.kind not in "iuf":
        raise Unusable(f"its voxels are of type {data_type}, not plain numbers: convert it")
    grid = Grid(shape, in_millimetres(header, affine))
    _check_grid(header, grid)
    if fault := misfit(path, size, needed):
        raise Unusable(fault)
    return grid


def one_volume(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the dimensions beyond three, where these hold one volume."""
    return shape[:3] if len(shape) > 3 and all(side == 1 for side in shape[3:]) else shape


def in_millimetres(header: SpatialHeader, affine: np.ndarray) -> np.ndarray:
    """An affine (4, 4) of a header in mm."""
    _, mm = UNITS.get(_unit_code(header), ("mm", 1.0))
    scaled = np.array(affine, float)
    scaled[:3] *= mm
    return scaled


def _unit_code(header: SpatialHeader) -> int:
    return int(header["xyzt_units"]) % 8 if "xyzt_units" in header.keys() else 0


def read_header(path: Path) -> SpatialHeader:
    """The header of a scan; of NIfTI its first bytes alone, in a fifth of the time that opening the image takes.

    Raises
    ------
    Unusable
        If its qform is all that places it, and has no voxel sizes (nibabel would take 0 for 1 mm and -2 for 2), or if
        its voxels would begin inside the header.
    """
    opened = gzip.open(path) if path.suffix == ".gz" else open(path, "rb")
    with opened as file:
        start = file.read(nib.Nifti2Header.template_dtype.itemsize)
    for kind, where, magic in NIFTI:
        size = kind.template_dtype.itemsize
        named = {int.from_bytes(start[:4], order) for order in ("little", "big")}
        if start[where] == magic and size in named and len(start) >= size:
            written = kind(start[:size], check=False)
            sides, first = written["pixdim"][1:4], float(written["vox_offset"])
            if written["qform_code"] and not written["sform_code"] and not (sides > 0).all():
                raise Unusable(f"voxels of {_millimetres(sides)} mm (pixdim): correct the header")
            if not first >= kind.single_vox_offset:
                raise Unusable(
                    f"its voxels would begin at byte {first:g}, inside its own header (vox_offset): set vox_offset to "
                    f"{kind.single_vox_offset}, or convert it again"
                )
            return kind(start[:size], check=True)
    return nib.load(path).header


def _check_grid(header: SpatialHeader, grid: Grid) -> None:
    shape, affine = grid
    if len(shape) != 3:
        raise Unusable(f"{len(shape)}D, of shape {shape}; one 3D volume is expected: save one of them separately")
    if min(shape) < SIDE_MIN:
        raise Unusable(f"of shape {shape}: fewer than {SIDE_MIN} voxels along one side, no whole brain: supply one")
    codes = [int(header[name]) for name in ("sform_code", "qform_code") if name in header.keys()]
    if codes and not any(codes):
        raise Unusable("neither sform nor qform is set, left and right are unknown: convert it again (dcm2niix)")
    with np.errstate(all="ignore"):
        sides, volume = grid.sides, np.abs(np.linalg.det(affine[:3, :3]))
    if not np.isfinite(affine).all() or volume < 1e-6 * max(sides.prod(), 1e-3):
        raise Unusable("its affine is singular (two axes are one, or a voxel has no size): correct the header")
    if sides.min() < VOXEL_MM[0] or sides.max() > VOXEL_MM[1]:
        unit = UNITS.get(_unit_code(header), ("", 0))[0]
        size = f"voxels of {_millimetres(sides)} mm" + (f" (its xyzt_units say {unit})" if unit else "")
        raise Unusable(f"{size}; {VOXEL_MM[0]:g} to {VOXEL_MM[1]:g} mm are expected: correct the header")
    if len(codes) == 2 and all(codes):
        _check_agreement(header, shape)
    axes = affine[:3, :3] / sides
    off = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if off > SHEARED:
        raise Unusable(
            f"its axes are sheared (two of them stand at {np.degrees(np.arccos(min(off, 1))):.0f} degrees, not at 90): "
            "resample it onto straight axes, or set sform_code to 0 where its qform is right"
        )


def _check_agreement(header: SpatialHeader, shape: tuple[int, ...]) -> None:
    """Refuse a header whose sform and qform tell different scans; an sform of another code may be an alignment."""
    sform = in_millimetres(header, header.get_sform())
    try:
        qform = in_millimetres(header, header.get_qform())
    except (HeaderDataError, ValueError, ArithmeticError):
        raise Unusable("its qform is no rotation: correct the header, or set qform_code to 0") from None
    ways = orientations(sform), orientations(qform)
    if ways[0] != ways[1]:
        both = f"({ways[0]} and {ways[1] or 'none'})"
        raise Unusable(f"its sform and qform disagree about which way its axes run {both}: correct the header")
    sides, theirs = Grid(shape, sform).sides, Grid(shape, qform).sides
    if (sides / theirs).max() > SCALED or (sides / theirs).min() < 1 / SCALED:
        both = f"{_millimetres(sides)} and {_millimetres(theirs)} mm"
        raise Unusable(f"its sform and qform disagree about the size of a voxel ({both}): correct the header")
    off = corners_apart(shape, sform, qform)
    if header["sform_code"] == header["qform_code"] and off > FORMS_MM:
        raise Unusable(
            f"its sform and qform disagree by {off:.0f} mm about where it lies, and have one code "
            f"({int(header['sform_code'])}): correct the header, or set the code of the wrong one to 0"
        )


def _millimetres(sides: np.ndarray) -> str:
    return " x ".join(f"{side:.3g}" for side in sides)


def _unopened(path: Path, error: OSError) -> Unusable:
    """Why a file can't be opened, and what to do."""
    remedy = "give yourself the right to read it (chmod u+r)" if error.errno == errno.EACCES else "supply it"
    if path.is_symlink():
        remedy = "it is a broken link: correct its target" if error.errno == errno.ENOENT else remedy
    return Unusable(f"can't be opened ({error.strerror}): {remedy}")


def orientations(affine: np.ndarray) -> str:
    """Which way the axes run, e.g. RAS; empty for an affine that is singular, or overflows.

    Examples
    --------
    >>> orientations(np.diag([-1.0, 1.0, 1.0, 1.0]))
    'LAS'
    """
    with np.errstate(all="ignore"):
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
            return ""
        codes = nib.aff2axcodes(affine)
    return "" if None in codes else "".join(codes)

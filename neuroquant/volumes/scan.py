"""Opening the voxels of a scan, and what they say against it."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from neuroquant.scans.grid import Grid, ras_affine, to_ras
from neuroquant.scans.headers import read_grid
from neuroquant.scans.unusable import Unusable

NEGATIVE_SHARE = 0.05
"""Largest share of signal below zero: ripples of interpolation stay below 0.002, z-scored images have half."""
NOISE_FLOOR = 1e-3
"""Share of a scan's top below which a voxel is background."""
MAGNITUDES = (1e-30, 1e30)
"""Between these lies the largest value of every image. Whole numbers that are read as floating point lie near 1e-43,
and numbers of the wrong byte order on both sides."""
TOP = 99.9
"""Percentile of the magnitudes that aren't zero which is a scan's top; the largest value can be a spike's."""


@dataclass(frozen=True)
class Scan:
    """Voxels (D, H, W) in RAS+ with their affine (4, 4), and the shape and affine of the file."""

    data: np.ndarray
    affine: np.ndarray
    source_shape: tuple[int, ...]
    source_affine: np.ndarray

    @property
    def grid(self) -> Grid:
        """Its grid in RAS+."""
        return Grid(tuple(self.data.shape), self.affine)


def in_words(sides: Any) -> str:
    """Sides in words, e.g. 144 x 192 x 144."""
    return " x ".join(f"{side:.4g}" for side in sides)


def load_scan(root: Path, file: str) -> Scan:
    """A scan of `root`: float32, through the header's slope, in RAS+ and mm.

    Raises
    ------
    Unusable
        If its header speaks against it, the file can't be read to its end, or it holds NaN or infinite values.
    """
    try:
        if not (root / file).exists():
            raise FileNotFoundError
        shape, affine = read_grid(root / file)
        _check_gzip(root / file)
        data = np.asarray(nib.load(root / file).dataobj, dtype=np.float32).reshape(shape)
    except Unusable as error:
        raise Unusable(error.reason, file) from None
    except FileNotFoundError:
        raise Unusable("the file is gone: put it back, or correct its name", file) from None
    except (OSError, EOFError, ValueError, TypeError, zlib.error, ImageFileError, HeaderDataError) as error:
        raise Unusable(
            f"its voxels can't be read to the end: truncated or damaged ({type(error).__name__}); copy it again", file
        ) from None
    bad = int(np.count_nonzero(~np.isfinite(data)))
    if bad:
        raise Unusable(f"{bad} voxels are NaN or infinite: export it again, or set them to 0", file)
    return Scan(to_ras(data, affine), ras_affine(data.shape, affine), data.shape, affine)


def _check_gzip(path: Path) -> None:
    """Read a .gz to its end, where its checksum is: nibabel stops before it, and would miss flipped bits."""
    if path.suffix == ".gz":
        with gzip.open(path) as stream:
            while stream.read(1 << 22):
                pass


def noise_floor(data: np.ndarray) -> float:
    """The magnitude below which a voxel of a scan (D, H, W) is background; 0 where all are zero."""
    magnitudes = np.abs(data[data != 0])
    return NOISE_FLOOR * float(np.percentile(magnitudes, TOP)) if magnitudes.size else 0.0


def check_image(scan: Scan, file: str) -> None:
    """Refuse voxels that are no image of a head.

    Raises
    ------
    Unusable
        If all voxels are zero or equal, many are negative, or none is of a size that an image has.
    """
    low, high = float(scan.data.min()), float(scan.data.max())
    if low == high:
        fault = "all voxels are zero" if high == 0 else f"all voxels are {high:g}"
        raise Unusable(f"{fault}: export it again", file)
    top = max(high, -low)
    if not MAGNITUDES[0] < top < MAGNITUDES[1]:
        why = "the header's datatype or byte order is wrong, or its slope"
        raise Unusable(f"its largest value is {top:.3g} ({why}): convert it again", file)
    floor = noise_floor(scan.data)
    positive, negative = np.count_nonzero(scan.data > floor), np.count_nonzero(scan.data < -floor)
    share = negative / (positive + negative)
    if share > NEGATIVE_SHARE:
        fault = f"{share:.0%} of its signal is negative (z-scored, say)"
        raise Unusable(f"{fault}; scanner intensities are expected: supply the scan from before that", file)

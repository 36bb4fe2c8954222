"""The brain that is deformed: carved from the ICBM 2009 templates, or one of a folder of label maps."""

import importlib.util
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from scipy import ndimage

from neuroquant.errors import InputError
from neuroquant.extras import require
from neuroquant.synthetic.carving import carve
from neuroquant.synthetic.structures import FLUID, LAST

SYNTHSEG = {25: 2, 57: 41, 136: 4, 137: 5, 163: 43, 164: 44, 30: 0, 62: 0, 72: 0, 85: 0}
"""Numbers of SynthSeg's training maps that its own scoring folds into others."""
SULCUS, RIND = 5, 1
"""Fluid counts as inside the skull-stripped brain in gaps of twice SULCUS voxels, and RIND voxels around the brain."""
GRAIN = 0.6
"""Standard deviation of made-up texture; the real one has more at the edges of structures, and less within."""


@dataclass(frozen=True)
class Template:
    """A brain to deform, cropped to its box.

    Attributes
    ----------
    labels : (I, J, K) int16, FreeSurfer numbers, 0 outside the brain
    texture : (I, J, K) float32, fine structure around each structure's mean, of about unit variance inside the brain
    affine : (4, 4) voxel to mm, RAS+, axes along the world's
    """

    labels: np.ndarray
    texture: np.ndarray
    affine: np.ndarray

    @property
    def voxel_mm(self) -> np.ndarray:
        """(3,) sides of a voxel, mm."""
        return np.diag(self.affine)[:3]

    @property
    def extent(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corner of the box around the brain, (3,) each, mm."""
        low = self.affine[:3, 3] - self.voxel_mm / 2
        return low, low + self.voxel_mm * self.labels.shape


def load_template(folder: str, number: int) -> Template:
    """The template of subject `number`: the ICBM brain where `folder` is empty, else the maps of `folder` in turn.

    Raises
    ------
    InputError
        If the folder has no maps, or a map can't be used.
    """
    if not folder:
        return icbm()
    maps = maps_of(folder)
    return from_map(maps[number % len(maps)])


def maps_of(folder: str) -> list[Path]:
    """The label maps of a folder, in the order of their names.

    Raises
    ------
    InputError
        If it has none.
    """
    maps = sorted(Path(folder).glob("*_dseg.nii.gz"))
    if not maps:
        raise InputError(
            "synthetic.labels", f"{folder}: no *_dseg.nii.gz", "a folder of label maps", "correct the path"
        )
    return maps


def by_template(folder: str, count: int) -> list[int]:
    """The numbers of `count` subjects, those of one template together: each map is read and prepared once."""
    templates = len(maps_of(folder)) if folder else 1
    return sorted(range(count), key=lambda number: (number % templates, number))


@lru_cache(maxsize=1)
def icbm() -> Template:
    """The ICBM 2009 brain (1 mm), as nilearn's wheel carries it, with 19 structures and the texture of its T1w."""
    require("nilearn")
    package = Path(importlib.util.find_spec("nilearn").origin).parent  # importing nilearn itself takes seconds
    paths = [
        package / "datasets" / "data" / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
        for kind in ("t1", "gm", "wm")
    ]
    affine = nib.load(paths[0]).affine
    t1, gm, wm = (np.asarray(nib.load(path).dataobj).astype(np.float32) / 255 for path in paths)
    box = _box(t1 > 0)
    affine = _shifted(affine, box)
    labels = carve(t1[box], gm[box], wm[box], affine)
    return Template(labels, _residual(t1[box], labels), affine)


@lru_cache(maxsize=2)
def from_map(path: Path) -> Template:
    """A whole-head label map with everything outside the brain removed."""
    labels, affine = _read_map(path)
    for old, new in SYNTHSEG.items():
        labels[labels == old] = new
    labels[(labels > LAST) | (labels < 0)] = 0
    tissue = np.pad((labels > 0) & (labels != FLUID), SULCUS)
    closed = ndimage.binary_erosion(ndimage.binary_dilation(tissue, iterations=SULCUS), iterations=SULCUS - RIND)
    labels[(labels == FLUID) & ~closed[(slice(SULCUS, -SULCUS),) * 3]] = 0  # fluid down the spine and under the scalp
    pieces, _ = ndimage.label(labels > 0)
    brain = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    labels[~brain] = 0
    labels[ndimage.binary_fill_holes(brain) & ~brain] = FLUID  # vessels and the like: a head has no empty space
    box = _box(brain)
    labels = np.ascontiguousarray(labels[box])
    return Template(labels, _grain(labels.shape, zlib.crc32(path.name.encode())), _shifted(affine, box))


WHOLE = "name a folder of complete label maps, or replace this one"


def _read_map(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Labels (I, J, K) int16 in RAS+ and their affine, or an InputError that says what is wrong with the file."""
    try:
        image = nib.as_closest_canonical(nib.load(path))
        labels = np.asarray(image.dataobj)
    except (OSError, EOFError, ImageFileError, zlib.error) as error:
        raise InputError(str(path), f"not readable ({error})", "a NIfTI label map", WHOLE) from error
    matrix = image.affine[:3, :3]
    if labels.ndim != 3 or not np.allclose(matrix, np.diag(np.diag(matrix)), atol=1e-3):
        raise InputError(
            str(path), f"shape {labels.shape}, affine {matrix.tolist()}", "3D, axes along the world's", "resample it"
        )
    labels = labels.round().astype(np.int16)
    if not np.any((labels > 0) & (labels <= LAST) & (labels != FLUID)):
        raise InputError(str(path), "no brain in it", "FreeSurfer numbers, 0 as background", WHOLE)
    return labels, image.affine


def _box(inside: np.ndarray) -> tuple[slice, slice, slice]:
    return ndimage.find_objects(inside.astype(np.uint8))[0]


def _shifted(affine: np.ndarray, box: tuple[slice, slice, slice]) -> np.ndarray:
    shifted = affine.astype(float)
    shifted[:3, 3] += affine[:3, :3] @ [line.start for line in box]
    return shifted


def _residual(t1: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The template's deviation from each structure's mean, in standard deviations of all deviations."""
    numbers = np.unique(labels[labels > 0])
    means = np.zeros(int(labels.max()) + 1, np.float32)
    means[numbers] = ndimage.mean(t1, labels, numbers)
    texture = np.where(labels > 0, t1 - means[labels], 0).astype(np.float32)
    return np.clip(texture / texture[labels > 0].std(), -3, 3)


def _grain(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Texture where no image is at hand: smooth noise at two scales, the map's own."""
    generator = np.random.default_rng(seed)
    coarse = generator.standard_normal([side // 3 + 2 for side in shape], dtype=np.float32)
    coarse = ndimage.zoom(coarse, 3, order=1)[tuple(slice(side) for side in shape)]
    fine = ndimage.gaussian_filter(generator.standard_normal(shape, dtype=np.float32), 0.7, truncate=2)
    texture = coarse / coarse.std() + fine / fine.std()
    return texture * (GRAIN / texture.std())

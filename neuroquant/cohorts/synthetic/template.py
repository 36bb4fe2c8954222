"""The brain that is deformed: a label map carved from the ICBM 2009 templates, or one of a folder of label maps."""

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from neuroquant.errors import InputError

LEFT = {2: 41, 3: 42, 4: 43, 7: 46, 8: 47, 10: 49, 11: 50, 12: 51}
"""FreeSurfer label on the left -> the same structure on the right, of what is carved here."""
FLUID = 24
TO_CEREBRUM = {25: 2, 57: 41, 136: 4, 137: 5, 163: 43, 164: 44, 30: 0, 62: 0, 72: 0, 85: 0}
"""Labels of SynthSeg's training maps that its own scoring folds into others."""


@dataclass(frozen=True)
class Template:
    """A brain to deform.

    Attributes
    ----------
    labels : (I, J, K) int16, FreeSurfer numbers, 0 outside the brain
    texture : (I, J, K) float32, fine structure of the T1w template around each structure's mean, in its standard
        deviations; zero where no image is at hand
    affine : (4, 4) voxel to mm, RAS+
    """

    labels: np.ndarray
    texture: np.ndarray
    affine: np.ndarray


def load_template(folder: str, number: int) -> Template:
    """The template of subject `number`: the ICBM brain, or the maps of `folder` in turn."""
    if not folder:
        return icbm()
    maps = sorted(Path(folder).glob("*_dseg.nii.gz"))
    if not maps:
        raise InputError(
            "synthetic.labels", f"{folder}: no *_dseg.nii.gz", "a folder of label maps", "correct the path"
        )
    return from_map(maps[number % len(maps)])


@lru_cache(maxsize=2)
def from_map(path: Path) -> Template:
    """A label map with everything outside the brain removed."""
    image = nib.as_closest_canonical(nib.load(path))
    labels = np.asarray(image.dataobj).round().astype(np.int16)
    for old, new in TO_CEREBRUM.items():
        labels[labels == old] = new
    labels[labels >= 500] = 0
    around = ndimage.binary_dilation((labels > 0) & (labels != FLUID), iterations=4)
    labels[(labels == FLUID) & ~around] = 0  # fluid down the spine and under the scalp isn't skull-stripped brain
    return Template(labels, np.zeros(labels.shape, np.float32), image.affine)


@lru_cache(maxsize=1)
def icbm() -> Template:
    """The ICBM 2009 brain (1 mm), as nilearn's wheel carries it, with 20 structures."""
    t1, gm, wm = (_nilearn_map(kind) for kind in ("t1", "gm", "wm"))
    affine = _nilearn_image("t1").affine
    labels = carve(t1, gm, wm, affine)
    return Template(labels, _texture(t1, labels), affine)


def _nilearn_image(kind: str) -> nib.Nifti1Image:
    package = Path(importlib.util.find_spec("nilearn").origin).parent
    return nib.load(package / "datasets" / "data" / f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz")


def _nilearn_map(kind: str) -> np.ndarray:
    return np.asarray(_nilearn_image(kind).dataobj, np.float32) / 255


def carve(t1: np.ndarray, gm: np.ndarray, wm: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """FreeSurfer labels from the T1w template and the tissue probabilities, placed by MNI coordinates.

    Parameters
    ----------
    t1, gm, wm : (I, J, K) in [0, 1]
    affine : (4, 4) voxel to MNI mm

    Returns
    -------
    (I, J, K) int16
    """
    x, y, z = _coordinates(t1.shape, affine)
    side = np.abs(x)
    brain = ndimage.binary_fill_holes(t1 > 0)
    tissue = gm + wm
    fluid = brain & (tissue < 0.45)
    left_labels = np.zeros(t1.shape, np.int16)
    left_labels[brain] = np.where(wm > gm, 2, 3)[brain]
    hind = _hindbrain(t1, tissue, brain, affine)
    left_labels[hind == 1] = np.where(wm > 0.6, 7, 8)[hind == 1]
    left_labels[fluid] = 24
    ventricle = fluid & (side < 30) & (side > 1) & (z > -2 - 0.25 * (y < -20) * 10) & (z < 32) & (y > -48) & (y < 38)
    ventricle &= ~((side < 4) & (z < 8))
    left_labels[_near(ventricle, [(8, 8, 16), (12, -25, 20)], affine)] = 4
    deep = brain & ~(left_labels == 4) & (hind == 0)
    left_labels[deep & _ellipsoid(x, y, z, (10.5, -18, 7), (9.5, 14, 8.5))] = 10
    left_labels[deep & _ellipsoid(x, y, z, (26, 2, 1), (6.5, 16, 10)) & (gm > 0.3)] = 12
    left_labels[deep & _caudate(x, y, z) & (gm > 0.35)] = 11
    labels = left_labels.copy()
    for left, right in LEFT.items():
        labels[(left_labels == left) & (x > 0)] = right
    labels[hind == 2] = 16
    labels[(hind == 2) & fluid & (side > 8)] = 24
    return labels


def _coordinates(shape: tuple[int, ...], affine: np.ndarray) -> tuple[np.ndarray, ...]:
    axes = (np.arange(n, dtype=np.float32) * affine[a, a] + affine[a, 3] for a, n in enumerate(shape))
    return tuple(np.meshgrid(*axes, indexing="ij", sparse=True))


def _ellipsoid(x: np.ndarray, y: np.ndarray, z: np.ndarray, centre: tuple, radii: tuple) -> np.ndarray:
    """Both sides of the midline."""
    return ((np.abs(x) - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 + (
        (z - centre[2]) / radii[2]
    ) ** 2 < 1


def _caudate(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Balls along the arc of head, body and tail."""
    arc = [((12, 17, 3), 7), ((13, 12, 9), 7.5), ((14, 5, 14), 6), ((16, -4, 19), 5), ((18, -13, 21), 4)]
    inside = np.zeros(np.broadcast(x, y, z).shape, bool)
    for centre, radius in arc:
        inside |= _ellipsoid(x, y, z, centre, (radius, radius * 1.2, radius))
    return inside


def _near(mask: np.ndarray, seeds: list[tuple[int, int, int]], affine: np.ndarray) -> np.ndarray:
    """The pieces of a mask that come within 6 mm of a seed, on either side."""
    pieces, count = ndimage.label(mask)
    x, y, z = _coordinates(mask.shape, affine)
    kept = np.zeros(count + 1, bool)
    for seed in seeds:
        kept[np.unique(pieces[_ellipsoid(x, y, z, seed, (6, 6, 6))])] = True
    kept[0] = False
    return kept[pieces]


def _hindbrain(t1: np.ndarray, tissue: np.ndarray, brain: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """1 in the cerebellum, 2 in the brain stem, 0 elsewhere: a watershed over the dark tentorium from seeds."""
    x, y, z = _coordinates(t1.shape, affine)
    side = np.abs(x)
    markers = np.zeros(t1.shape, np.int16)
    markers[~brain] = -1
    cerebrum = brain & ((z > 2) | (y > -8) | (side > 58) | ((z > -8 + 0.08 * (y + 60)) & (y < -60) & (side > 12)))
    markers[cerebrum] = 3
    for centre in ((22, -62, -38), (38, -62, -34), (8, -62, -28), (14, -75, -36), (30, -50, -42)):
        markers[brain & _ellipsoid(x, y, z, centre, (6, 6, 6))] = 1
    stem = (side < 1.05 * np.where(z > -42, 15, 9)) & (y > -40) & (y < -14) & (z < -10) & (z > -50)
    stem |= (side < 9) & (y < -32) & (y > -54) & (z <= -48)
    stem &= y > -36 - np.clip(-(z + 40), 0, 30) * 0.9
    markers[brain & stem & (tissue > 0.5)] = 2
    height = (255 * (1 - np.clip(tissue, 0, 1))).astype(np.uint8)
    region = ndimage.watershed_ift(height, markers)
    region[(region == 3) | (region < 0) | ~brain] = 0
    behind = (region == 2) & (y < -38 - np.clip(-(z + 40), 0, 30) * 0.9)
    region[behind & (z < -4)] = 1
    region[behind & (z >= -4)] = 0
    allowed = (z < 2 - 0.30 * side) & (y < -10)
    return np.where(allowed, region, 0)


def _texture(t1: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The template's deviation from each structure's mean, in standard deviations of all deviations."""
    numbers = np.unique(labels[labels > 0])
    means = np.zeros(int(labels.max()) + 1, np.float32)
    means[numbers] = ndimage.mean(t1, labels, numbers)
    texture = np.where(labels > 0, t1 - means[labels], 0).astype(np.float32)
    return np.clip(texture / texture[labels > 0].std(), -3, 3)

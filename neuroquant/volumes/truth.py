"""Ground-truth label maps: FreeSurfer's numbers, checked, and brought to SynthSeg's structures."""

from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes
from scipy.spatial import cKDTree

from neuroquant.scans.unusable import Unusable
from neuroquant.volumes.brain import BRAIN_LABELS
from neuroquant.volumes.scan import Scan, in_words, load_scan

PARCELS = {
    3: ((1000, 1999), (11100, 11199)),
    42: ((2000, 2999), (12100, 12199)),
    2: ((78, 78), (3000, 3999), (5001, 5001)),
    41: ((79, 79), (4000, 4999), (5002, 5002)),
    4: ((31, 31),),
    43: ((63, 63),),
}
"""FreeSurfer's finer labels by the structure of SynthSeg that they are parts of: parcels of cortex and white matter
(aparc+aseg, wmparc), white matter of low signal, choroid plexus."""
SIDELESS = (77, 251, 252, 253, 254, 255)
"""Cerebral white matter that has no side of its own: of low signal, and the corpus callosum."""
OUTSIDE = (29, 61, 130, 165, *range(256, 263))
"""FreeSurfer's numbers outside of the brain: skull, skin, air and what it couldn't tell."""
KNOWN = 0.8
"""Smallest share of the labelled voxels that have numbers of FreeSurfer's segmentations of the whole brain; other
programs' numberings have half of them by chance."""
TISSUE = 1
"""FreeSurfer gives this number to nothing; tissue segmentations and atlases begin with it."""
WHOLE = 0.01
"""By how much a label may differ from a whole number, which a header's slope doesn't always give exactly."""


def load_beside(root: Path, file: str, name: str, reference: Scan) -> Scan:
    """A mask or label map, which must lie on the grid of the reference scan.

    Parameters
    ----------
    name : modality of the reference scan.

    Raises
    ------
    Unusable
        If it is broken, or lies elsewhere.
    """
    scan = load_scan(root, file)
    if not scan.grid.same_as(reference.grid):
        shapes = f"{in_words(scan.data.shape)} against {in_words(reference.data.shape)}"
        raise Unusable(f"on another grid than {name} ({shapes} voxels)", file)
    return scan


def load_labels(root: Path, file: str, name: str, reference: Scan) -> tuple[Scan | None, str]:
    """A label map in RAS+, and why it is no ground truth (empty where it is).

    Its values are whole numbers that fit int16; parts become the structure that they are parts of, and cerebral white
    matter without a side becomes that of the nearest hemisphere. A map that numbers other things than FreeSurfer does
    (tissues, another atlas) is set aside: None.

    Raises
    ------
    Unusable
        If the file is broken: of no whole numbers, empty, without background, or in the wrong byte order.
    """
    scan = load_beside(root, file, name, reference)
    check_numbers(scan.data, file)
    data = scan.data.round()
    if why := another_numbering(data, file):
        return None, why
    for structure, ranges in PARCELS.items():
        for first, last in ranges:
            data[(data >= first) & (data <= last)] = structure
    return Scan(sided(data, scan.affine), scan.affine, scan.source_shape, scan.source_affine), ""


def check_numbers(data: np.ndarray, file: str) -> None:
    """Refuse voxels (D, H, W) that are no labels.

    Raises
    ------
    Unusable
        As `load_labels`.
    """
    broken = np.abs(data - data.round()) > WHOLE
    if broken.any():
        value = data[broken][0]
        raise Unusable(
            f"labels that are no whole numbers ({value:.4g}, say): resample it again with the nearest voxel, or "
            "correct its slope and intercept (scl_slope, scl_inter)", file,
        )  # fmt: skip
    low, high = data.min(), data.max()
    if low < 0 or high > np.iinfo(np.int16).max:
        raise Unusable(f"labels from {low:g} to {high:g}; 0 to 32767 are expected", file)
    if high < 0.5:
        raise Unusable("all labels are zero: export the label map again", file)
    if low > 0.5:
        raise Unusable(f"no label is 0, the smallest is {low:g}: correct its intercept (scl_inter)", file)


def another_numbering(labels: np.ndarray, file: str) -> str:
    """Why whole numbers (D, H, W) can't be FreeSurfer's; empty where they can.

    Raises
    ------
    Unusable
        If they are FreeSurfer's in the other byte order.
    """
    numbers, counts = np.unique(labels[labels > 0].astype(np.int16), return_counts=True)
    if known_share(numbers, counts) >= KNOWN and TISSUE not in numbers:
        return ""
    if counts[np.isin(numbers.byteswap(), BRAIN_LABELS)].sum() >= KNOWN * counts.sum():
        raise Unusable("its labels are FreeSurfer's in the wrong byte order: convert it again", file)
    shown = ", ".join(map(str, numbers[:4])) + (", ..." if len(numbers) > 4 else "")
    return f"not used: its numbers ({shown}) aren't FreeSurfer's, but those of tissues or of another atlas"


def known_share(numbers: np.ndarray, counts: np.ndarray) -> float:
    """Which share of the labelled voxels has numbers that FreeSurfer gives."""
    known = np.isin(numbers, (*BRAIN_LABELS, *OUTSIDE))
    for first, last in (ends for ranges in PARCELS.values() for ends in ranges):
        known |= (numbers >= first) & (numbers <= last)
    return float(counts[known].sum() / counts.sum())


def sided(labels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Labels (D, H, W) in which `SIDELESS` voxels are the nearest hemisphere's white matter, 2 or 41."""
    where = np.argwhere(np.isin(labels, SIDELESS))
    white = np.argwhere(np.isin(labels, (2, 41)))
    if not len(where) or not len(white):
        return labels
    sides = voxel_sizes(affine)
    _, nearest = cKDTree(white * sides).query(where * sides)
    labels = labels.copy()
    labels[tuple(where.T)] = labels[tuple(white[nearest].T)]
    return labels

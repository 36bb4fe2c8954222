"""Where the brain is: a given mask, or the signal of scans that were skull-stripped."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from neuroquant.scans.unusable import Unusable
from neuroquant.volumes.scan import Scan, noise_floor

MASK_SHARE = 0.8
"""Largest share of an image that a mask may fill: a brain fills little more than half of the box around it."""
SUPPLY = (
    "not skull-stripped and no mask ({why}); "
    "supply one as derivatives/<name>/sub-*/[ses-*/]anat/*_desc-brain_mask.nii.gz, or add deepbet to volume.brain_mask"
)
BRAIN_LABELS = (
    2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 24, 26, 28, 41, 42, 43, 44, 46, 47, 49, 50, 51, 52, 53, 54,
    58, 60, 25, 57, 30, 31, 62, 63, 72, 77, 78, 79, 80, 85, 136, 137, 163, 164, 251, 252, 253, 254, 255,
)  # fmt: skip
"""FreeSurfer labels within the skull; SynthSeg's, and finer parts that label maps have in their place."""


def given_brain(mask: Scan, file: str) -> Scan:
    """A mask as it was given: 1 in the brain, 0 outside.

    Raises
    ------
    Unusable
        If it is empty, fills the image or all of its corners, or isn't 0 anywhere.
    """
    brain = mask.data > 0.5
    if not brain.any():
        raise Unusable("the brain mask is empty", file)
    share = brain.mean()
    if share > MASK_SHARE:
        remedy = "correct it (was it inverted, or does its header have an scl_inter?)"
        raise Unusable(
            f"the brain mask fills {share:.0%} of the image; at most {MASK_SHARE:.0%} is expected: {remedy}", file
        )
    if brain[:: brain.shape[0] - 1, :: brain.shape[1] - 1, :: brain.shape[2] - 1].all():
        raise Unusable("the brain mask holds all corners of the image: it is inverted, turn it round", file)
    low = float(mask.data.min())
    if low:
        raise Unusable(
            f"the brain mask's smallest value is {low:.4g}; 0 is expected outside the brain: correct its slope and "
            "intercept (scl_slope, scl_inter)", file,
        )  # fmt: skip
    return replace(mask, data=brain.astype(np.float32))


def labelled_brain(labels: np.ndarray, file: str) -> np.ndarray:
    """The brain of a label map with FreeSurfer's numbers, (D, H, W) bool, its holes filled.

    Raises
    ------
    Unusable
        If it holds none of SynthSeg's structures.
    """
    brain = np.isin(labels, BRAIN_LABELS)
    if not brain.any():
        raise Unusable("the label map holds no structure of the brain (FreeSurfer numbers)", file)
    return largest_piece(brain)


def signal_of(scan: Scan) -> np.ndarray:
    """Where a scan has signal: above `noise_floor`, (D, H, W) bool."""
    return scan.data > noise_floor(scan.data)


def not_stripped(signals: dict[str, np.ndarray], strip_check: float) -> tuple[str, str]:
    """(why, modality) of the first scan that has too little background to be skull-stripped; empty where all are.

    Parameters
    ----------
    signals : modality -> where it has signal, on its own grid.
    strip_check : smallest share of background voxels that a stripped scan has.
    """
    for name, signal in signals.items():
        background = 1 - signal.mean()
        if background < strip_check:
            return f"{background:.0%} of its voxels are background, {strip_check:.0%} are expected", name
    return "", ""


def signal_brain(signals: dict[str, np.ndarray], affine: np.ndarray, most_ml: float) -> tuple[np.ndarray, str]:
    """The brain (D, H, W), bool, of skull-stripped scans, and why it is none (empty where it is one).

    It is where any of the scans has signal: the largest piece that is connected by faces, its holes filled, so that
    what is dark in all scans but enclosed stays inside.

    Parameters
    ----------
    signals : modality -> where it has signal, all on one grid with `affine`.
    most_ml : millilitres of the largest brain. Raw heads whose air is zero pass a check of the share of zeros alone,
        but hold 2500 ml and more.
    """
    brain = largest_piece(np.logical_or.reduce(list(signals.values())))
    millilitres = brain_ml(brain, affine)
    if millilitres > most_ml:
        return brain, f"its signal fills {millilitres:.0f} ml, more than any brain"
    return brain, ""


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """The largest piece of a mask (D, H, W) that is connected by faces, its holes filled."""
    pieces, count = ndimage.label(mask)
    if count > 1:
        mask = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    return ndimage.binary_fill_holes(mask)


def brain_ml(mask: np.ndarray, affine: np.ndarray) -> float:
    """Volume of a mask in millilitres."""
    return float(np.count_nonzero(mask) * abs(np.linalg.det(np.asarray(affine)[:3, :3])) / 1000)

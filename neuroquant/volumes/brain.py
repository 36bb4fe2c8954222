"""Where the brain is: a given mask, or the signal of scans that were skull-stripped."""

import numpy as np
from scipy import ndimage

from neuroquant.volumes.scan import NOISE_FLOOR, Scan, Unusable

BRAIN_ML_MAX = 2200.0
"""More than any brain. Raw heads whose air is zero pass a look at the zeros alone, but hold 2500 ml and more."""
GIVEN, STRIPPED = "given mask", "skull-stripped scans"
SUPPLY = (
    "not skull-stripped and no mask ({why}); "
    "supply one as derivatives/<name>/sub-*/[ses-*/]anat/*_desc-brain_mask.nii.gz"
)


def given_brain(mask: Scan, file: str) -> np.ndarray:
    """A mask as it was given, (D, H, W) bool.

    Raises
    ------
    Unusable
        If it is empty.
    """
    brain = mask.data > 0.5
    if not brain.any():
        raise Unusable("the brain mask is empty", file)
    return brain


def signal_brain(scans: dict[str, Scan], files: dict[str, str], strip_check: float) -> np.ndarray:
    """The brain (D, H, W), bool, of skull-stripped scans on one grid.

    It is where any of the scans has signal (above `NOISE_FLOOR` of its largest value): the largest piece that is
    connected by faces, its holes filled, so that what is dark in both scans but enclosed stays inside.

    Parameters
    ----------
    scans, files : by modality.
    strip_check : smallest share of background voxels that a stripped scan has.

    Raises
    ------
    Unusable
        If a scan has too little background, or the signal is larger than a brain.
    """
    union = np.zeros(next(iter(scans.values())).data.shape, bool)
    for name, scan in scans.items():
        signal = scan.data > NOISE_FLOOR * scan.data.max()
        background = 1 - signal.mean()
        if background < strip_check:
            why = f"{background:.0%} of its voxels are background, {strip_check:.0%} are expected"
            raise Unusable(SUPPLY.format(why=why), files[name])
        union |= signal
    brain = largest_piece(union)
    millilitres = brain_ml(brain, scan.affine)
    if millilitres > BRAIN_ML_MAX:
        why = f"its signal fills {millilitres:.0f} ml, more than any brain"
        raise Unusable(SUPPLY.format(why=why), files["T1w"])
    return brain


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """The largest piece of a mask (D, H, W) that is connected by faces, its holes filled."""
    pieces, count = ndimage.label(mask)
    if count > 1:
        mask = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    return ndimage.binary_fill_holes(mask)


def brain_ml(mask: np.ndarray, affine: np.ndarray) -> float:
    """Volume of a mask in millilitres."""
    return float(np.count_nonzero(mask) * abs(np.linalg.det(np.asarray(affine)[:3, :3])) / 1000)

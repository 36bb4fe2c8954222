"""A made session: an egg with a dark hole on the left, so that sides can be told apart."""

import numpy as np

from neuroquant.subject_page import SessionPictures

SHAPE = (24, 32, 20)


def egg(shape=SHAPE, hole=True) -> np.ndarray:
    """A bright ellipsoid (D, H, W), float32 in [0, 1], in the left half of which a block is dark."""
    grid = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    inside = (sum(axis**2 for axis in grid) < 0.8).astype(np.float32)
    if hole:
        inside[tuple(slice(side // 4, side // 2 - 1) for side in shape)] *= 0.2
    return inside * np.float32(0.9)


def session(subject="sub-01", name="ses-01", modalities=("T1w", "T2w"), copies=True, **changes) -> SessionPictures:
    """One session; `changes` are fields in place of the usual ones."""
    images = {modality: egg() * np.float32(1 - 0.2 * number) for number, modality in enumerate(modalities)}
    facts = {
        "subject": subject,
        "session": name,
        "images": images,
        "mask": egg(hole=False) > 0,
        "reconstructions": {key: image * np.float32(0.9) for key, image in images.items()} if copies else {},
        "voxel_mm": (1.0, 1.0, 1.0),
        "numbers": {"T1w PSNR (dB)": 21.0},
    }
    return SessionPictures(**(facts | changes))

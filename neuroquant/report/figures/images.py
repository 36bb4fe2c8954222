"""Images of one session out of the shards, and slices of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import SYNTHESISED

FOLD, FILLED, AWAY = 0.22, 0.85, 0.2
"""Of the enlarged square: its side as a share of the slice's, the share of it that lies in the brain at least, and its
least distance from the midline as a share of the slice's side."""


@dataclass(frozen=True, slots=True)
class Images:
    """Test shards of one cohort.

    Attributes
    ----------
    volumes : list of Path
        The originals.
    reconstructions : dict of str to list of Path
        Model -> its shards, in the same order.
    """

    volumes: list[Path]
    reconstructions: dict[str, list[Path]]


def session_images(shards: list[Path], session: tuple[str, str]) -> dict[str, np.ndarray]:
    """Modality -> image (D, H, W), float32, of one session (subject, session).

    Raises
    ------
    KeyError
        If no shard holds the session.
    """
    for path in shards:
        file = ArrayFile(path)
        for (_, subject, visit), images in file.sessions.items():
            if (subject, visit) == session:
                return {m: file.view("image")[index].astype(np.float32) for m, index in images.items()}
    raise KeyError(f"no shard holds {session}")


def synthesised_images(shards: list[Path], session: tuple[str, str]) -> dict[str, np.ndarray]:
    """Modality -> synthesised image (D, H, W) in [-1, 1], float32, of one session; empty where a model made none."""
    for path in shards:
        file = ArrayFile(path)
        if SYNTHESISED not in file.names:
            continue
        for (_, subject, visit), images in file.sessions.items():
            if (subject, visit) == session:
                made = {modality: file.read(SYNTHESISED, index) for modality, index in images.items()}
                return {modality: levels(image) for modality, image in made.items() if image.any()}
    return {}


def levels(stored: np.ndarray) -> np.ndarray:
    """A stored synthesised image as float32 in [-1, 1]."""
    return (stored.astype(np.float32) - 1) / 127 - 1


def box_of(images: dict[str, np.ndarray]) -> list[tuple[int, int]]:
    """First and past-last voxel of what isn't background, on each axis, over the modalities; all where nothing is."""
    inside = np.any([image > -1 for image in images.values()], axis=0)
    box = []
    for axis, side in enumerate(inside.shape):
        filled = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append((max(int(filled[0]) - 1, 0), min(int(filled[-1]) + 2, side)) if len(filled) else (0, side))
    return box


def slice_of(image: np.ndarray, axis: int, box: list[tuple[int, int]]) -> np.ndarray:
    """The middle slice of a box of an image, up upwards, in a square of the box's longest side (h, h) of background.

    The sagittal one lies a little off the midline, where there is more to see.
    """
    cut = image[tuple(slice(*ends) for ends in box)]
    index = cut.shape[axis] // 2 + (cut.shape[axis] // 10 if axis == 0 else 0)
    picture = np.take(cut, index, axis).T[::-1]
    spare = [max(cut.shape) - side for side in picture.shape]
    return np.pad(picture, [(each // 2, each - each // 2) for each in spare], constant_values=-1)


def fold_of(picture: np.ndarray) -> tuple[slice, slice]:
    """The square of an axial slice (h, w) beside its midline where neighbouring voxels of the brain differ most.

    Such a square holds a fold of the cortex; at the midline lie the ventricles, which differ too. Its side is `FOLD` of
    the slice's. Squares that are mostly background don't count where others exist.
    """
    side = max(2, round(FOLD * len(picture)))
    inside = (picture > -1).astype(np.float64)
    steps = sum(np.abs(np.diff(picture, axis=axis, prepend=-1)) for axis in (0, 1))
    within, changes = (sums(each, side) for each in (inside, steps * inside))
    middles = np.arange(within.shape[1]) + (side - len(picture)) / 2
    within = np.where(np.abs(middles)[None] >= AWAY * len(picture), within, 0)
    full = within >= min(within.max(), FILLED * side**2)
    top, left = np.unravel_index(np.argmax(np.where(full, changes, -1)), changes.shape)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def sums(values: np.ndarray, side: int) -> np.ndarray:
    """Sums over all squares of a side in a slice (h, w), by their first row and column."""
    whole = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return whole[side:, side:] - whole[:-side, side:] - whole[side:, :-side] + whole[:-side, :-side]

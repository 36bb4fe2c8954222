"""Images of one session out of the shards, and slices of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuroquant.store.arrays import ArrayFile


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

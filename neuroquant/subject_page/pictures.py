"""What a page shows of one session, and the slices that are cut from it."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neuroquant.errors import InputError

SEEN = 0.05
"""Value of a scan in [0, 1] above which a voxel isn't background."""
MARGIN = 3
"""Voxels that are shown around the brain."""
EMPTY_ENDS = 0.06
"""Share of the brain's extent at either end in which no slice is taken."""
OFF_MIDLINE = 0.05
"""Share of the brain's width by which sagittal slices are moved off the midline, where there is more to see."""
WHITE = 98
"""Percentile of the brain's intensities that is shown white: a few bright voxels would leave the others dark."""


@dataclass(frozen=True, eq=False)
class SessionPictures:
    """One session of a subject, on the model's grid in RAS+.

    Attributes
    ----------
    subject, session : str
        Names; `session` may be empty.
    images : dict of str to ndarray
        Modality -> scan (D, H, W), float32 in [0, 1]; a modality that the session lacks is left out.
    mask : ndarray
        The brain (D, H, W), bool.
    reconstructions : dict of str to ndarray
        Modality -> the model's image (D, H, W), float32 in [0, 1]; may be empty. One without an original, which was
        made of another modality, is shown without an error.
    voxel_mm : (float, float, float)
        Sides of a voxel.
    numbers : dict of str to float
        Name with its unit -> value of this session.

    Raises
    ------
    InputError
        If an array has another shape than the mask.
    """

    subject: str
    session: str
    images: dict[str, np.ndarray]
    mask: np.ndarray
    reconstructions: dict[str, np.ndarray]
    voxel_mm: tuple[float, float, float]
    numbers: dict[str, float]

    def __post_init__(self) -> None:
        for kind, arrays in (("image", self.images), ("reconstruction", self.reconstructions)):
            for modality, array in arrays.items():
                if array.shape != self.mask.shape or array.ndim != 3:
                    raise InputError(
                        self.name, f"{kind} {modality} of {array.shape} voxels", f"the mask's {self.mask.shape}, in 3D",
                        "bring scans, reconstructions and mask onto the model's grid",
                    )  # fmt: skip

    @property
    def name(self) -> str:
        """Subject and session."""
        return f"{self.subject} {self.session}".strip()

    @property
    def modalities(self) -> list[str]:
        """Those with a scan or a reconstruction, in order."""
        return list(dict.fromkeys([*self.images, *self.reconstructions]))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all voxels shown: a rating is one of these pictures, and of no others."""
        digest = hashlib.sha256(np.packbits(self.mask.astype(bool)).tobytes())
        for kind, arrays in (("image", self.images), ("reconstruction", self.reconstructions)):
            for modality, array in arrays.items():
                digest.update(f"{kind} {modality} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array, np.float32))
        return digest.hexdigest()[:16]

    @cached_property
    def box(self) -> list[tuple[int, int]]:
        """First and past-last voxel shown on each axis: the brain and whatever of the scans isn't background."""
        inside = self.mask > 0
        for image in self.images.values():
            inside = inside | (image > SEEN)
        return box_of(inside, MARGIN)

    @cached_property
    def brain(self) -> list[tuple[int, int]]:
        """First and past-last index of the mask on each axis; the box where the mask is empty."""
        return box_of(self.mask > 0, 0) if self.mask.any() else self.box

    def places(self, axis: int, count: int) -> list[int]:
        """`count` indexes along an axis, evenly through the brain."""
        first, last = self.brain[axis]
        shares = EMPTY_ENDS + (1 - 2 * EMPTY_ENDS) * (np.arange(count) + 0.5) / count
        if axis == 0 and count % 2:
            shares = shares + OFF_MIDLINE
        return sorted({int(first + (last - first) * share) for share in shares})

    def half(self, index: int) -> str:
        """In which half of the brain's width a sagittal slice lies."""
        first, last = self.brain[0]
        return "left" if 2 * index + 1 < first + last else "right"

    @cached_property
    def white(self) -> dict[str, float]:
        """Modality -> the intensity that is shown white, in its reconstruction too."""
        return {name: self._white(self.images.get(name, self.reconstructions.get(name))) for name in self.modalities}

    def _white(self, image: np.ndarray) -> float:
        inside = image[(self.mask > 0) & np.isfinite(image)]
        return max(float(np.percentile(inside, WHITE)), SEEN) if len(inside) else 1.0

    def cut(self, volume: np.ndarray, axis: int, index: int) -> np.ndarray:
        """A slice of the box as it is looked at: up or the front upwards, left (or the back) on the left."""
        shown = volume[tuple(slice(*ends) if each != axis else index for each, ends in enumerate(self.box))]
        return shown.T[::-1]

    def sides_mm(self, axis: int) -> tuple[float, float]:
        """Width and height of a slice in mm."""
        across, up = (each for each in range(3) if each != axis)
        return tuple((self.box[each][1] - self.box[each][0]) * float(self.voxel_mm[each]) for each in (across, up))


def box_of(inside: np.ndarray, margin: int) -> list[tuple[int, int]]:
    """First and past-last index on each axis of what is true, with a margin within the array; all where nothing is."""
    box = []
    for axis, side in enumerate(inside.shape):
        filled = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        ends = (max(int(filled[0]) - margin, 0), min(int(filled[-1]) + 1 + margin, side)) if len(filled) else (0, side)
        box.append(ends)
    return box

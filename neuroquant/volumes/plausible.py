"""Whether scans can be what they say: whole, none mirrored against another, and none in another's place."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuroquant.volumes.align import mutual_information
from neuroquant.volumes.geometry import bounding_box
from neuroquant.volumes.scan import noise_floor

FINE_MM = 2.0
"""Voxels about this long are fine enough for both checks."""
MIRRORED = 1.05
"""Mutual information of one image with the mirrored other, relative to that with it as it is, above which one of them
is mirrored."""
APART = 0.02
"""By how many nats it must be larger, too: images of noise differ by less."""
MOVED_MM = 4.0
"""By how much an image is moved, along each axis and both ways, to see whether it matches."""
SWAPPED = -0.2
"""By how much less the first of two modalities brightens towards the brain's inside than the second does, in
correlations, where their names are swapped. Real skull-stripped pairs of the paper's modalities have +0.3, and -0.3
when they are swapped."""
LACKING = 0.2
"""Largest share of the brain in which a scan may have no signal, beyond the edges of its field of view."""
PLANE = 0.1
"""Share of the brain's largest plane below which a plane is too small to say that a slice is missing."""


def lacking(image: np.ndarray, brain: np.ndarray) -> str:
    """What a scan (D, H, W) lacks of the brain (D, H, W), bool; empty where it is whole.

    Slices at either end may lie outside the field of view, as long as they are few. An empty slice between others was
    lost.
    """
    signal = brain & (np.abs(image) > noise_floor(image))
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        area, covered = brain.sum(axis=others), signal.any(axis=others)
        filled = np.flatnonzero(covered)
        empty = ~covered & (area > PLANE * area.max())
        lost = int(empty[filled[0] : filled[-1]].sum()) if len(filled) else 0
        if lost:
            return f"empty slices within the brain: {lost}; they were lost, export or copy it again"
    share = 1 - np.count_nonzero(signal) / np.count_nonzero(brain)
    if share > LACKING:
        return (
            f"{share:.0%} of the brain has no signal; at most {LACKING:.0%} may lie outside the field of view: slices "
            "were lost, or the mask is another scan's; export it again, or correct the mask"
        )
    return ""


@dataclass(frozen=True)
class Looks:
    """The images of a session as the checks of pairs see them: coarse, cut to the brain's box.

    Attributes
    ----------
    images : modality -> (D, H, W), 0 outside the brain
    inward : modality -> correlation of its intensity with the depth in the brain: positive where it brightens inwards
    voxel_mm : length of their voxels
    """

    images: dict[str, np.ndarray]
    inward: dict[str, float]
    voxel_mm: float = FINE_MM

    @classmethod
    def of(cls, images: dict[str, np.ndarray], brain: np.ndarray, voxel_mm: float) -> "Looks":
        """From images and brain (D, H, W) on one grid in RAS+, whose voxels are about `voxel_mm` long."""
        step = max(1, round(FINE_MM / voxel_mm))
        first, size = bounding_box(brain)
        box = tuple(slice(f, f + s, step) for f, s in zip(first, size, strict=True))
        inside = brain[box]
        coarse = {name: np.where(inside, np.maximum(image[box], 0), 0) for name, image in images.items()}
        depth = ndimage.distance_transform_edt(inside)[inside]
        inward = {name: correlation(depth, image[inside]) for name, image in coarse.items()}
        return cls(coarse, inward, step * voxel_mm)


def match(looks: Looks, target: str, other: str) -> float:
    """How well two images match: the mutual information (nats) in the brain that is lost when one is moved `MOVED_MM`.

    Right pairs lose much, since folds then lie beside folds. Two persons' brains share the outline and the large
    structures alone, and lose little. Noise adds to mutual information but not to what is lost.
    """
    one, two = looks.images[target], looks.images[other]
    step = max(1, round(MOVED_MM / looks.voxel_mm))
    moved = [np.roll(two, way * step, axis) for axis in range(3) for way in (-1, 1)]
    return mutual_information(one, two) - float(np.mean([mutual_information(one, image) for image in moved]))


def mirrored(looks: Looks, target: str, other: str) -> tuple[float, str]:
    """How much better an image fits the target when mirrored left to right, as a ratio of mutual information, and what
    speaks against the pair (empty where nothing does).
    """
    one, two = looks.images[target], looks.images[other]
    direct, turned = mutual_information(one, two), mutual_information(one, two[::-1])
    ratio = turned / direct if direct > 0 else 0.0
    if direct > 0 and turned > max(MIRRORED * direct, direct + APART):
        return ratio, (
            f"{other} fits {target} {ratio:.2f} times as well when mirrored left to right: one of the two headers "
            "is wrong; compare with the scanner's images and correct it (volume.pair_check: false lets it pass)"
        )
    return ratio, ""


def swapped(looks: Looks, one: str, two: str) -> str:
    """Why two modalities look as if their names were swapped; empty where they don't, or aren't both there.

    `one` is the modality that should brighten more towards the inside of the brain.
    """
    if {one, two} <= looks.inward.keys() and looks.inward[one] - looks.inward[two] < SWAPPED:
        return (
            f"{one} and {two} look swapped: {two} brightens towards the inside of the brain and {one} darkens; correct "
            "the names (volume.pair_check: false lets it pass)"
        )
    return ""


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation, 0 where one of them is constant."""
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])

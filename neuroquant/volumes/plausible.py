"""Whether scans can be what they say: whole, T2w not mirrored against T1w, and neither in the other's place."""

import numpy as np
from scipy import ndimage

from neuroquant.volumes.align import mutual_information
from neuroquant.volumes.geometry import bounding_box
from neuroquant.volumes.scan import noise_floor

FINE_MM = 2.0
"""Voxels about this long are fine enough for both looks."""
MIRRORED = 1.05
"""Mutual information of T1w with the mirrored T2w, relative to that with T2w as it is, above which it is mirrored."""
APART = 0.02
"""By how many nats it must be larger, too: images of noise differ by less."""
SWAPPED = -0.2
"""By how much less T1w brightens towards the brain's inside than T2w does, in correlations, where names are swapped.

Real skull-stripped pairs have +0.3, and -0.3 when they are swapped."""

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
        area, found = brain.sum(axis=others), signal.any(axis=others)
        filled = np.flatnonzero(found)
        empty = ~found & (area > PLANE * area.max())
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


def look(t1w: np.ndarray, t2w: np.ndarray, brain: np.ndarray, voxel_mm: float) -> tuple[dict[str, float], str]:
    """Numbers for the QC table, and what speaks against the pair (empty where nothing does).

    Parameters
    ----------
    t1w, t2w, brain : (D, H, W) on one grid in RAS+
    voxel_mm : about how long a voxel is.
    """
    step = max(1, round(FINE_MM / voxel_mm))
    first, size = bounding_box(brain)
    box = tuple(slice(f, f + s, step) for f, s in zip(first, size, strict=True))
    inside = brain[box]
    one, two = (np.where(inside, np.maximum(image[box], 0), 0) for image in (t1w, t2w))
    direct, mirrored = mutual_information(one, two), mutual_information(one, two[::-1])
    depth = ndimage.distance_transform_edt(inside)[inside]
    inward = [correlation(depth, image[inside]) for image in (one, two)]
    told = {"mirrored": mirrored / direct if direct > 0 else 0.0, "inward": inward[0] - inward[1]}
    if direct > 0 and mirrored > max(MIRRORED * direct, direct + APART):
        return told, (
            f"T2w fits T1w {mirrored / direct:.2f} times as well when mirrored left to right: one of the two headers "
            "is wrong; compare with the scanner's images and correct it (volume.pair_check: false lets it pass)"
        )
    if told["inward"] < SWAPPED:
        return told, (
            "T1w and T2w look swapped: T2w brightens towards the inside of the brain and T1w darkens; correct the "
            "names (volume.pair_check: false lets it pass)"
        )
    return told, ""


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation, 0 where one of them is constant."""
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])

"""Normalised surface distance: the share of two surfaces that is near the other one (Nikolov et al. 2018)."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree


@dataclass(frozen=True)
class Surface:
    """Voxels of a structure that touch something else, in mm (N, 3), and a tree of them; N is 0 where it is absent."""

    points: np.ndarray
    tree: KDTree | None


def surfaces(labels: np.ndarray, structures: tuple[int, ...], voxel_mm: tuple[float, ...]) -> dict[int, Surface]:
    """Surface of each structure of a label map (D, H, W): its voxels with a face to another label, or to the outside.

    Parameters
    ----------
    voxel_mm : sides of a voxel, mm.
    """
    boxes = ndimage.find_objects(labels, max(structures, default=0)) if labels.size else []
    by_label = {}
    for label in structures:
        box = boxes[label - 1]
        if box is None:
            by_label[label] = Surface(np.empty((0, 3)), None)
            continue
        inside = labels[box] == label
        corner = [side.start for side in box]
        edge = inside & ~ndimage.binary_erosion(inside)
        points = (np.argwhere(edge) + corner) * np.asarray(voxel_mm, float)
        by_label[label] = Surface(points, KDTree(points))
    return by_label


def normalised_surface_distance(a: Surface, b: Surface, tolerance_mm: float) -> float:
    """Share of the voxels of both surfaces that lie within the tolerance of the other one; in 0 to 1.

    As `monai.metrics.compute_surface_dice` without subvoxels. 0 where one of the two is absent, nan where both are.
    """
    total = len(a.points) + len(b.points)
    if a.tree is None or b.tree is None:
        return 0.0 if total else float("nan")
    limit = tolerance_mm * (1 + 1e-9) + 1e-9  # the tree leaves out what is just as far as the bound
    near = sum(
        np.isfinite(other.query(points, distance_upper_bound=limit)[0]).sum()
        for points, other in ((a.points, b.tree), (b.points, a.tree))
    )
    return float(near / total)

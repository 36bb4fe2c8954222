"""The grid of a scan, the way to RAS+ and back, and the one comparison of two grids."""

from itertools import product
from typing import NamedTuple

import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

RAS = axcodes2ornt("RAS")
GRID_MM = 0.1
"""Two grids are one where no corner lies further apart than this."""
UNEVEN = 1.05
"""Factor by which the sides of a voxel may differ in a cube."""


class Grid(NamedTuple):
    """Shape and voxel-to-world affine (4, 4) of a scan, mm."""

    shape: tuple[int, ...]
    affine: np.ndarray

    @property
    def sides(self) -> np.ndarray:
        """Sides of a voxel (3,), mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def cube_mm(self) -> float:
        """Side in mm of the cube that has a voxel's volume."""
        return abs(float(np.linalg.det(np.asarray(self.affine)[:3, :3]))) ** (1 / 3)

    @property
    def uneven(self) -> bool:
        """Whether the voxels are no cubes: a brain whose voxels are taken for cubes would be squashed."""
        return bool(self.sides.max() > UNEVEN * self.sides.min())

    def turned(self) -> "Grid":
        """The grid of the same voxels in RAS+."""
        orientation = io_orientation(self.affine)
        turned = [0, 0, 0]
        for own, ras in enumerate(orientation[:, 0].astype(int)):
            turned[ras] = self.shape[own]
        return Grid(tuple(turned), self.affine @ inv_ornt_aff(ornt_transform(orientation, RAS), self.shape))

    def same_as(self, other: "Grid") -> bool:
        """Whether both scans have the same voxels, in whatever order their files store them.

        Turned to RAS+, they have equal shapes, and all corners within `GRID_MM`.
        """
        if self.shape == other.shape and np.array_equal(self.affine, other.affine):
            return True  # of most sessions; the full comparison takes a millisecond
        own, their = self.turned(), other.turned()
        return own.shape == their.shape and corners_apart(own.shape, own.affine, their.affine) <= GRID_MM


def to_ras(array: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """An array (I, J, K) turned and flipped so that its axes run to right, anterior, superior."""
    return apply_orientation(array, ornt_transform(io_orientation(affine), RAS))


def from_ras(array: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The inverse of `to_ras`; `affine` is that of the array before `to_ras`."""
    return apply_orientation(array, ornt_transform(RAS, io_orientation(affine)))


def ras_affine(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """The affine (4, 4) of an array of `shape` after it was turned to RAS+."""
    return Grid(shape, affine).turned().affine


def corners_apart(shape: tuple[int, ...], a: np.ndarray, b: np.ndarray) -> float:
    """How far, in mm, two affines (4, 4) place the corner of a grid that they disagree about most."""
    corners = np.array([[*corner, 1] for corner in product(*((0, side - 1) for side in shape))])
    return float(np.linalg.norm(corners @ (a - b)[:3].T, axis=1).max())

"""Smooth, invertible, seeded deformations: the exponential of a stationary velocity field on a coarse grid."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

GRID_MM = 6.0
SMOOTH_MM = 18.0
SQUARINGS = 6
REACH_MM = 4.0
"""How far around a structure its growth is felt."""


@dataclass(frozen=True)
class Deformation:
    """A displacement in mm on a coarse grid, to be added to points in template space.

    Attributes
    ----------
    displacement : (3, I, J, K), mm
    origin : (3,), mm, of the grid's first point
    spacing : mm between grid points
    """

    displacement: np.ndarray
    origin: np.ndarray
    spacing: float

    def at(self, axes: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        """Displacement (3, A, B, C) in mm at the grid that three coordinate axes (mm) span.

        The interpolation is trilinear and separable, since the points lie on a grid.
        """
        field = self.displacement
        for axis, points in enumerate(axes):
            position = np.clip((points - self.origin[axis]) / self.spacing, 0, field.shape[axis + 1] - 1.001)
            low = position.astype(int)
            share = (position - low).astype(np.float32).reshape([-1 if a == axis + 1 else 1 for a in range(4)])
            field = np.take(field, low, axis + 1) * (1 - share) + np.take(field, low + 1, axis + 1) * share
        return field


def random_velocity(generator: np.random.Generator, shape: tuple[int, ...], amplitude: float) -> np.ndarray:
    """A smooth random field (3, I, J, K) whose components have standard deviation `amplitude`, in mm."""
    noise = generator.standard_normal((3, *shape)).astype(np.float32)
    smooth = np.stack([ndimage.gaussian_filter(part, SMOOTH_MM / GRID_MM, mode="nearest") for part in noise])
    return smooth * (amplitude / smooth.std())


def exponential(velocity: np.ndarray, spacing: float = GRID_MM, squarings: int = SQUARINGS) -> np.ndarray:
    """Displacement (3, I, J, K), mm, of the flow of a velocity field over unit time, by scaling and squaring.

    The flow of -velocity is its inverse (Arsigny et al. 2006).
    """
    displacement = (velocity / 2**squarings).astype(np.float32)
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in velocity.shape[1:]), indexing="ij"))
    for _ in range(squarings):
        points = grid + displacement / spacing
        displacement = displacement + np.stack(
            [ndimage.map_coordinates(part, points, order=1, mode="nearest", output=np.float32) for part in displacement]
        )
    return displacement


def folding(displacement: np.ndarray, spacing: float = GRID_MM) -> float:
    """The smallest Jacobian determinant of x -> x + displacement: the deformation is invertible where it is above 0."""
    gradient = np.stack([np.stack(np.gradient(part, spacing)) for part in displacement])
    return float(np.linalg.det(np.eye(3) + np.moveaxis(gradient, (0, 1), (-2, -1))).min())


def coarse_grid(shape: tuple[int, ...], affine: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Origin (mm) and shape of the coarse grid that covers a template with two points to spare."""
    origin = affine[:3, 3] - 2 * GRID_MM
    extent = np.diag(affine)[:3] * np.asarray(shape)
    return origin, tuple(int(np.ceil(side / GRID_MM)) + 5 for side in extent)


def growth_velocity(labels: np.ndarray, affine: np.ndarray, numbers: tuple[int, ...], share: float) -> np.ndarray:
    """A velocity (3, I, J, K), mm, that makes the structures `numbers` larger by `share` of their volume.

    It pulls points around them inwards, so that a warped image shows them grown: along the gradient of the smoothed
    structures, with the strength at which its mean convergence inside them is `share` (to first order in it).
    """
    origin, shape = coarse_grid(labels.shape, affine)
    inside = np.isin(labels, numbers)
    if not inside.any() or share == 0:
        return np.zeros((3, *shape), np.float32)
    step = np.diag(affine)[:3]
    smooth = ndimage.gaussian_filter(inside.astype(np.float32), REACH_MM / step, truncate=3)
    axes = [(origin[a] + GRID_MM * np.arange(n) - affine[a, 3]) / step[a] for a, n in enumerate(shape)]
    points = np.meshgrid(*axes, indexing="ij")
    towards = np.stack(
        [ndimage.map_coordinates(np.gradient(smooth, step[a], axis=a), points, order=1) for a in range(3)]
    )
    convergence = -sum(np.gradient(towards[a], GRID_MM, axis=a) for a in range(3))
    positions = (np.argwhere(inside) * step + affine[:3, 3] - origin).T / GRID_MM
    mean = ndimage.map_coordinates(convergence, positions, order=1).mean()
    return (towards * (share / mean)).astype(np.float32)

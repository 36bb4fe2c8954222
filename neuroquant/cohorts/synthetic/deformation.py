"""Smooth, invertible, seeded deformations: the exponential of a stationary velocity field on a coarse grid."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

GRID_MM = 6.0
SMOOTH_MM = 18.0
SQUARINGS = 6


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
            place = np.clip((points - self.origin[axis]) / self.spacing, 0, field.shape[axis + 1] - 1.001)
            low = place.astype(int)
            share = (place - low).astype(np.float32).reshape([-1 if a == axis + 1 else 1 for a in range(4)])
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
    displacement = velocity / 2**squarings
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in velocity.shape[1:]), indexing="ij"))
    for _ in range(squarings):
        moved = grid + displacement / spacing
        displacement = displacement + np.stack(
            [ndimage.map_coordinates(part, moved, order=1, mode="nearest") for part in displacement]
        )
    return displacement


def coarse_grid(shape: tuple[int, ...], affine: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Origin (mm) and shape of the coarse grid that covers a template with two points to spare."""
    origin = affine[:3, 3] - 2 * GRID_MM
    extent = np.diag(affine)[:3] * np.asarray(shape)
    return origin, tuple(int(np.ceil(side / GRID_MM)) + 5 for side in extent)


def growth_velocity(labels: np.ndarray, affine: np.ndarray, numbers: tuple[int, ...], share: float) -> np.ndarray:
    """A velocity that makes the structures `numbers` larger by about `share` of their volume.

    It pulls points around them inwards, so that a warped image shows them grown: along the gradient of the smoothed
    structure, by the distance that its surface has to move.
    """
    origin, shape = coarse_grid(labels.shape, affine)
    inside = np.isin(labels, numbers)
    surface = inside & ~ndimage.binary_erosion(inside)
    smooth = ndimage.gaussian_filter(inside.astype(np.float32), 4.0)
    points = np.meshgrid(
        *((origin[a] + GRID_MM * np.arange(n) - affine[a, 3]) / affine[a, a] for a, n in enumerate(shape)),
        indexing="ij",
    )
    towards = np.stack([ndimage.map_coordinates(np.gradient(smooth, axis=a), points, order=1) for a in range(3)])
    strength = np.linalg.norm(towards, axis=0)
    distance = share * inside.sum() / max(surface.sum(), 1)
    return (towards * (2 * distance / max(np.percentile(strength[strength > 0], 99), 1e-6))).astype(np.float32)

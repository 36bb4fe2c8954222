"""A deformed brain on a scanner's grid: its labels, and the mixture of tissues in each voxel."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from neuroquant.synthetic.deformation import Deformation
from neuroquant.synthetic.template import Template

Array = np.ndarray


@dataclass(frozen=True)
class View:
    """A field of view: its shape in voxels and its (4, 4) affine, voxel to mm, RAS+."""

    shape: tuple[int, int, int]
    affine: Array

    @property
    def voxel_mm(self) -> float:
        """Side of a voxel."""
        return float(self.affine[0, 0])

    def axes(self) -> list[Array]:
        """World coordinates (mm) of the voxel centres along each axis."""
        return [self.affine[a, 3] + self.voxel_mm * np.arange(n, dtype=np.float32) for a, n in enumerate(self.shape)]


@dataclass(frozen=True)
class Brain:
    """A brain in a field of view.

    Attributes
    ----------
    labels : (D, H, W) int16, FreeSurfer numbers, 0 outside the brain
    texture : (D, H, W) float32, fine structure, 0 outside the brain
    view : where the voxels lie
    tissue : intensities of all numbers (LAST + 1,) -> mean of the tissues in each voxel of the brain, (N,), in the
        order of `labels > 0`
    """

    labels: Array
    texture: Array
    view: View
    tissue: Callable[[Array], Array]


def warp(template: Template, deformation: Deformation, scale: float, view: View) -> Brain:
    """The template, deformed, then scaled about the world's origin.

    The deformation maps points of the subject (before scaling) to points of the template, so the image of a structure
    moves the other way. Voxels that hold several of the template's carry the label of the most, and the mean of their
    tissues; on fine grids the label is the nearest, and the tissue interpolated.
    """
    points = _template_points(template, deformation, scale, view)
    # Trilinear interpolation between blocks of f voxels of m mm blurs with variance (f m)^2 / 4, a voxel of v mm with
    # v^2 / 12: f = v / (m sqrt 3) makes them alike.
    factor = max(1, round(view.voxel_mm / (template.voxel_mm.mean() * scale * 3**0.5)))
    if factor == 1:
        labels = ndimage.map_coordinates(template.labels, points, order=0, output=np.int16)
        inside = [part[labels > 0] for part in points]

        def tissue(intensities: Array) -> Array:
            return _linear(intensities[template.labels], inside, cval=intensities[0])
    else:
        labels, numbers, mixture = _most(template, points, factor)
        inside = [part[labels > 0] for part in points]

        def tissue(intensities: Array) -> Array:
            return mixture @ intensities[numbers]

    texture = np.zeros(labels.shape, np.float32)
    texture[labels > 0] = _linear(template.texture, inside, cval=0)
    return Brain(labels, texture, view, tissue)


def _template_points(template: Template, deformation: Deformation, scale: float, view: View) -> list[Array]:
    """Where each voxel of the view lies in the template: three arrays (D, H, W) of voxel coordinates."""
    axes = tuple(axis / scale for axis in view.axes())
    displacement = deformation.at(axes)
    step, origin = template.voxel_mm, template.affine[:3, 3]
    return [
        (axes[a].reshape([-1 if b == a else 1 for b in range(3)]) + displacement[a] - np.float32(origin[a]))
        / np.float32(step[a])
        for a in range(3)
    ]


def _linear(image: Array, points: list[Array], cval: float) -> Array:
    return ndimage.map_coordinates(image, points, order=1, cval=float(cval), output=np.float32)


def _most(template: Template, points: list[Array], factor: int) -> tuple[Array, Array, Array]:
    """Labels (D, H, W) of the most frequent tissue, the numbers (K,), and the share of each in a brain voxel (N, K)."""
    numbers, shares, near = _blocks(template.labels.tobytes(), template.labels.shape, factor)
    sides = near.shape
    positions = [np.clip((p + 0.5) / factor + 0.5, 0, n - 1.001) for p, n in zip(points, sides, strict=True)]
    low = np.ravel_multi_index([position.astype(np.intp) for position in positions], sides)
    chosen = near.ravel()[low]
    low, parts = low[chosen], [position[chosen] % 1 for position in positions]
    rows = shares.reshape(-1, len(numbers))
    mixture = np.zeros((len(low), len(numbers)), np.float32)
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod([p if c else 1 - p for p, c in zip(parts, corner, strict=True)], axis=0)
        mixture += rows[low + np.ravel_multi_index(corner, sides)] * weight[:, None]
    labels = np.zeros(points[0].shape, np.int16)
    labels[chosen] = numbers[mixture.argmax(axis=1)]
    return labels, numbers, mixture[labels[chosen] > 0]


@lru_cache(maxsize=1)
def _blocks(labels: bytes, shape: tuple[int, int, int], factor: int) -> tuple[Array, Array, Array]:
    """A label map in blocks of factor^3 voxels with a rim of background blocks.

    Returns
    -------
    numbers : (K,) int16
    shares : (I, J, K, numbers) float32, how much of a block has which number
    near : (I, J, K) bool, whether a block or its upper neighbours hold any brain
    """
    padded = np.pad(
        np.frombuffer(labels, np.int16).reshape(shape), [(factor, 2 * factor - side % factor) for side in shape]
    )
    numbers = np.unique(padded)
    split = [n for side in padded.shape for n in (side // factor, factor)]
    shares = [(padded == n).reshape(split).mean(axis=(1, 3, 5), dtype=np.float32) for n in numbers]
    near = ndimage.maximum_filter(shares[0] < 1, size=2, origin=-1)
    return numbers, np.stack(shares, axis=-1), near

"""Bringing scans onto one grid: isotropic voxels, one modality onto another. Every scan is interpolated once at most.

Grids are in RAS+. A transform (4, 4) takes a point of the fixed
scan's space (mm) to the place of the same tissue in the moving one's.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.processing import resample_from_to
from scipy import ndimage

from neuroquant.extras import optional
from neuroquant.scans.grid import Grid
from neuroquant.volumes.scan import Scan, noise_floor

OFF_MM = 0.05
"""By how much a voxel's side may differ from the wanted one before a scan is resampled."""
BINS = 32
"""Intensity bins a scan of the joint histogram behind the mutual information."""
SEED = 1
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK's world has its first two axes turned round."""
SMOOTH = 0.4
"""Gaussian against aliasing, in voxels of the new grid, along axes that lose resolution."""


def cubes(grid: Grid, side: float) -> Grid:
    """The grid of cubes of `side` mm along the same axes from the same corner; `grid` itself where it has them."""
    if (np.abs(grid.sides - side) <= OFF_MM).all():
        return grid
    return stretched(grid, side / grid.sides)


def stretched(grid: Grid, factors: np.ndarray) -> Grid:
    """The grid with voxels `factors` times as long along each axis, from the same corner."""
    shape, affine = grid
    new = affine @ np.diag([*factors, 1.0])
    corner = affine[:3, 3] - affine[:3, :3] @ np.full(3, 0.5)
    new[:3, 3] = corner + new[:3, :3] @ np.full(3, 0.5)
    return Grid(tuple(int(np.ceil(n / f - 1e-3)) for n, f in zip(shape, factors, strict=True)), new)


def resampled(scan: Scan, grid: Grid, transform: np.ndarray, order: int = 3) -> Scan:
    """A scan on another grid, as float32; what lies outside it is 0.

    Parameters
    ----------
    transform : from the grid's space to the scan's; the identity where they are one.
    order : of the splines; 0 for masks and label maps. Values never leave the range that the scan has.
    """
    data, affine = scan.data, np.linalg.inv(transform) @ scan.affine
    if order:
        coarser = voxel_sizes(grid[1]) / voxel_sizes(scan.affine)
        data = ndimage.gaussian_filter(data, np.where(coarser > 1.05, SMOOTH * coarser, 0.0))
    image = resample_from_to(nib.Nifti1Image(data, affine), grid, order=order)
    values = np.asarray(image.dataobj, dtype=np.float32)
    if order:
        values = np.clip(values, min(float(scan.data.min()), 0.0), float(scan.data.max()))
    return Scan(values, grid[1], scan.source_shape, scan.source_affine)


@dataclass(frozen=True)
class Registration:
    """How a moving scan was brought onto a fixed one.

    Attributes
    ----------
    transform : (4, 4), mm, from the fixed scan's space to the moving one's; the identity where refused
    before, after : mutual information (nats) of both scans on the fixed grid without and with it
    accepted : whether it made things better
    """

    transform: np.ndarray
    before: float
    after: float
    accepted: bool

    def shift_mm(self, point: np.ndarray) -> float:
        """How far a point (3,) of the fixed scan's space, in mm, is moved."""
        return float(np.linalg.norm(self.transform[:3, :3] @ point + self.transform[:3, 3] - point))

    @property
    def turn_deg(self) -> float:
        """The angle of the rotation."""
        cosine = (np.trace(self.transform[:3, :3]) - 1) / 2
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def register(fixed: Scan, moving: Scan) -> Registration:
    """Rigid registration with ANTs (Mattes mutual information, a fixed seed), refused where it makes things worse."""
    grid, identity = fixed.grid, np.eye(4)
    before = mutual_information(fixed.data, resampled(moving, grid, identity, order=1).data)
    transform = rigid(fixed, moving)
    after = mutual_information(fixed.data, resampled(moving, grid, transform, order=1).data)
    if after > before:
        return Registration(transform, before, after, True)
    return Registration(identity, before, after, False)


def rigid(fixed: Scan, moving: Scan) -> np.ndarray:
    """ANTs' rigid transform (4, 4) of two scans, from the fixed one's space to the moving one's, mm in RAS+."""
    with optional():
        import ants

    with tempfile.TemporaryDirectory() as folder:
        result = ants.registration(
            _ants(fixed), _ants(moving), type_of_transform="Rigid", outprefix=os.path.join(folder, "to_"),
            random_seed=SEED, singleprecision=False,
        )  # fmt: skip
        transform = ants.read_transform(next(name for name in result["fwdtransforms"] if Path(name).suffix == ".mat"))
    matrix, centre = np.eye(4), np.asarray(transform.fixed_parameters)
    parameters = np.asarray(transform.parameters)
    matrix[:3, :3] = parameters[:9].reshape(3, 3)
    matrix[:3, 3] = parameters[9:] + centre - matrix[:3, :3] @ centre
    return LPS @ matrix @ LPS


def _ants(scan: Scan) -> "ants.ANTsImage":  # noqa: F821
    """A scan as ANTs has it: origin and directions in LPS."""
    with optional():
        import ants

    affine, sides = LPS @ scan.affine, voxel_sizes(scan.affine)
    return ants.from_numpy(
        np.ascontiguousarray(scan.data, dtype=np.float32), origin=affine[:3, 3].tolist(), spacing=sides.tolist(),
        direction=affine[:3, :3] / sides,
    )  # fmt: skip


def mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Mutual information (nats) of two images (D, H, W) where both have signal, of their joint histogram."""
    with optional():
        from sklearn.metrics import mutual_info_score

    signal = a > noise_floor(a)
    inside = signal & (b > noise_floor(b))
    if inside.sum() < BINS**2:
        return 0.0
    tops = [np.percentile(image[inside], 99.5) for image in (a, b)]
    sides = [np.linspace(0, max(top, 1e-6), BINS + 1) for top in tops]
    pair = [np.clip(image[inside], 0, side[-1]) for image, side in zip((a, b), sides, strict=True)]
    counts, _, _ = np.histogram2d(*pair, bins=sides)
    overlap = inside.sum() / max(signal.sum(), 1)
    return float(mutual_info_score(None, None, contingency=counts) * overlap)


def unbiased(scan: Scan, brain: np.ndarray) -> tuple[Scan, float]:
    """A scan without its bias field (N4, Tustison 2010), and the field's spread in the brain (SD by mean)."""
    with optional():
        import ants

    image, mask = _ants(scan), _ants(Scan(brain.astype(np.float32), scan.affine, scan.source_shape, scan.source_affine))
    field = ants.n4_bias_field_correction(image, mask=mask, shrink_factor=4, return_bias_field=True).numpy()
    inside = field[brain]
    field = field / max(float(inside.mean()), 1e-6)
    corrected = np.where(field > 1e-3, scan.data / np.maximum(field, 1e-3), scan.data).astype(np.float32)
    return Scan(corrected, scan.affine, scan.source_shape, scan.source_affine), float(inside.std() / inside.mean())

"""One subject of an embedded cohort: sex, family, visits, and the anatomy at each visit."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from neuroquant.cohorts.synthetic.deformation import (
    GRID_MM,
    Deformation,
    coarse_grid,
    exponential,
    growth_velocity,
    random_velocity,
)
from neuroquant.cohorts.synthetic.template import Template, load_template
from neuroquant.config.cohort import Synthetic

VENTRICLES = (4, 43)
ICBM_SCALE = 0.92
"""The ICBM brain is larger than a typical adult's by about this much a side."""
SIZE_SPREAD = 0.02
"""Standard deviation of the relative side length within a sex."""


@dataclass(frozen=True)
class Person:
    """Who somebody is; all follows from (cohort seed, number)."""

    number: int
    sex: str
    family: str
    ages: tuple[float, ...]

    @property
    def label(self) -> str:
        """BIDS subject label."""
        return f"sub-{self.number + 1:04d}"


def draw_person(settings: Synthetic, number: int) -> Person:
    """Subject `number`, whoever else there is. Every eighth pair of neighbours are siblings."""
    generator = np.random.default_rng((settings.seed, number, 0))
    visits = int(generator.integers(1, settings.visits_max + 1))
    first = float(generator.uniform(12, 21))
    ages = tuple(round(first + visit * float(generator.uniform(0.9, 1.2)), 2) for visit in range(visits))
    family = f"fam-{number // 16 + 1:04d}" if number % 16 in (0, 1) else ""
    return Person(number, "FM"[number % 2], family, ages)


def anatomy(settings: Synthetic, person: Person, visit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (int16) and texture (float32), (D, H, W), and the affine of a subject's brain at a visit.

    The same deformation holds at every visit; the ventricles grow and the brain shrinks a little with each.
    """
    template = load_template(settings.labels, person.number)
    generator = np.random.default_rng((settings.seed, person.number, 1))
    origin, shape = coarse_grid(template.labels.shape, template.affine)
    velocity = random_velocity(generator, shape, settings.deformation_mm)
    velocity = velocity + visit * _growth(settings.labels, person.number if settings.labels else 0, settings.atrophy)
    scale = brain_scale(settings, person, visit, generator)
    return warp(template, Deformation(exponential(velocity), origin, GRID_MM), scale, settings.voxel_mm)


def brain_scale(settings: Synthetic, person: Person, visit: int, generator: np.random.Generator) -> float:
    """Side length relative to the template: sex, the individual, and a tenth of the atrophy a visit as volume."""
    sex = 1 + (settings.sex_effect / 2 if person.sex == "M" else -settings.sex_effect / 2)
    loss = 1 - 0.1 * settings.atrophy * visit
    base = 1.0 if settings.labels else ICBM_SCALE
    return float(base * (sex * loss) ** (1 / 3) * np.exp(SIZE_SPREAD * generator.standard_normal()))


@lru_cache(maxsize=4)
def _growth(folder: str, number: int, atrophy: float) -> np.ndarray:
    template = load_template(folder, number)
    return growth_velocity(template.labels, template.affine, VENTRICLES, atrophy)


def warp(
    template: Template, deformation: Deformation, scale: float, voxel_mm: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The deformed and scaled template on its own grid of `voxel_mm`, boxed with a margin of 6 mm and more.

    The deformation maps target points to template points, so the image of a structure moves the other way.
    """
    low, high = _brain_extent(template)
    low, high = low * scale - 14 * scale, high * scale + 14 * scale
    shape = np.maximum(np.ceil((high - low) / voxel_mm).astype(int), 16)
    axes = [(low[a] + voxel_mm * (np.arange(shape[a], dtype=np.float32) + 0.5)) / scale for a in range(3)]
    displacement = deformation.at(tuple(axes))
    inverse = np.linalg.inv(template.affine)
    points = [
        ((axes[a].reshape([-1 if b == a else 1 for b in range(3)]) + displacement[a]) * inverse[a, a] + inverse[a, 3])
        for a in range(3)
    ]
    labels = ndimage.map_coordinates(template.labels, points, order=0, output=np.int16)
    texture = np.zeros(labels.shape, np.float32)
    if template.texture.any():
        texture = ndimage.map_coordinates(template.texture, points, order=1, output=np.float32)
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = low + voxel_mm / 2
    return labels, texture, affine


def _brain_extent(template: Template) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the template's brain in mm."""
    inside = template.labels > 0
    lines = [np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    step, origin = np.diag(template.affine)[:3], template.affine[:3, 3]
    return (
        np.array([line[0] for line in lines]) * step + origin,
        np.array([line[-1] + 1 for line in lines]) * step + origin,
    )

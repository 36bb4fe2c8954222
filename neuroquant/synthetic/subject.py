"""One subject of a synthetic cohort: sex, family, visits, and the anatomy at each visit."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from neuroquant.config.cohort import Synthetic
from neuroquant.errors import InputError
from neuroquant.synthetic.deformation import (
    GRID_MM,
    Deformation,
    coarse_grid,
    exponential,
    folding,
    growth_velocity,
    random_velocity,
)
from neuroquant.synthetic.template import Template, load_template
from neuroquant.synthetic.warping import Brain, View, warp

VENTRICLES = (4, 43)
ICBM_SCALE = 0.89
"""Side length of a typical adult's brain relative to the ICBM brain, which is larger than life."""
SIZE_SPREAD = 0.02
"""Standard deviation of the relative side length within a sex; nobody is further than SIZE_LIMIT of it away."""
SIZE_LIMIT = 2.5
TO_BRAIN = 0.1
"""The brain loses this share of what the ventricles gain, relative to their volumes."""


@dataclass(frozen=True)
class Person:
    """Who somebody is; all follows from (cohort seed, number)."""

    number: int
    sex: str
    family: str
    ages: tuple[float, ...]
    site: str

    @property
    def scanner(self) -> str:
        """The only one of the site."""
        return f"{self.site}-1"

    @property
    def label(self) -> str:
        """BIDS subject label."""
        return f"sub-{self.number + 1:04d}"


def draw_person(settings: Synthetic, number: int) -> Person:
    """Subject `number`, whoever else there is. Every eighth pair of neighbours are siblings.

    Sites take turns by pairs, so that they have as many of either sex, and siblings share one.
    """
    generator = np.random.default_rng((settings.seed, number, 0))
    visits = int(generator.integers(1, settings.visits_max + 1))
    first = float(generator.uniform(12, 21))
    ages = tuple(round(first + visit * float(generator.uniform(0.9, 1.2)), 2) for visit in range(visits))
    family = f"fam-{number // 16 + 1:04d}" if number % 16 in (0, 1) else ""
    return Person(number, "FM"[number % 2], family, ages, ("north", "south")[number // 2 % 2])


def anatomy(settings: Synthetic, person: Person, visit: int) -> Brain:
    """A subject's brain at a visit, in the field of view that all subjects of a template share.

    The same deformation holds at every visit; the ventricles grow and the brain shrinks a little with each.

    Raises
    ------
    InputError
        If `deformation_mm` is so large that the deformation folds.
    """
    template = load_template(settings.labels, person.number)
    generator = np.random.default_rng((settings.seed, person.number, 1))
    origin, shape = coarse_grid(template.labels.shape, template.affine)
    velocity = random_velocity(generator, shape, settings.deformation_mm)
    if visit:
        growth = _growth(settings.labels, person.number if settings.labels else 0, settings.atrophy)
        velocity = velocity + visit * growth
    displacement = exponential(velocity)
    if folding(displacement) <= 0:
        raise InputError(
            "synthetic", f"deformation_mm {settings.deformation_mm}, atrophy {settings.atrophy}: the brain folds over",
            "a deformation that can be undone; 3 mm and 0.02 are usual", "lower one of them",
        )  # fmt: skip
    scale = brain_scale(settings, person, visit, generator)
    return warp(template, Deformation(displacement, origin, GRID_MM), scale, field_of_view(settings, template))


def brain_scale(settings: Synthetic, person: Person, visit: int, generator: np.random.Generator) -> float:
    """Side length relative to the template: sex, the individual, and the loss of volume a visit."""
    sex = 1 + (settings.sex_effect / 2 if person.sex == "M" else -settings.sex_effect / 2)
    own = np.exp(SIZE_SPREAD * np.clip(generator.standard_normal(), -SIZE_LIMIT, SIZE_LIMIT))
    return float(_base(settings) * (sex * (1 - TO_BRAIN * settings.atrophy) ** visit) ** (1 / 3) * own)


def field_of_view(settings: Synthetic, template: Template) -> View:
    """Voxels around the largest brain that the settings can make of a template: a protocol, not a person, decides."""
    low, high = template.extent
    scale = _base(settings) * (1 + settings.sex_effect / 2) ** (1 / 3) * np.exp(SIZE_LIMIT * SIZE_SPREAD)
    margin = 4 + 3 * settings.deformation_mm
    low, high = low * scale - margin, high * scale + margin
    shape = np.maximum(np.ceil((high - low) / settings.voxel_mm).astype(int), 16)
    affine = np.diag([settings.voxel_mm] * 3 + [1.0])
    affine[:3, 3] = low + settings.voxel_mm / 2
    return View(tuple(int(side) for side in shape), affine)


def _base(settings: Synthetic) -> float:
    return 1.0 if settings.labels else ICBM_SCALE


@lru_cache(maxsize=2)
def _growth(folder: str, number: int, atrophy: float) -> np.ndarray:
    template = load_template(folder, number)
    share = (1 + atrophy) / (1 - TO_BRAIN * atrophy) - 1  # net of the shrinking of the whole
    return growth_velocity(template.labels, template.affine, VENTRICLES, share)

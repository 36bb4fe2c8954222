"""Contrast recipes of the synthetic cohorts: how bright each tissue is in each modality. Data, and one check."""

from collections.abc import Iterable
from dataclasses import dataclass

from neuroquant.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """How one modality shows a brain.

    Attributes
    ----------
    tissues : FreeSurfer's name of a structure (without its side) -> intensity, relative to the brightest tissue
    other : intensity of all other structures
    texture : amplitude of the template's fine structure, relative to the brightest tissue; negative where what is
        bright in the template is dark
    """

    tissues: dict[str, float]
    other: float
    texture: float


RECIPES = {
    "T1w": Recipe(
        {
            "Cerebral-White-Matter": 1.00, "Cerebral-Cortex": 0.62, "Lateral-Ventricle": 0.20, "Inf-Lat-Vent": 0.20,
            "Cerebellum-White-Matter": 0.94, "Cerebellum-Cortex": 0.60, "Thalamus": 0.80, "Caudate": 0.68,
            "Putamen": 0.74, "Pallidum": 0.88, "3rd-Ventricle": 0.20, "4th-Ventricle": 0.20, "Brain-Stem": 0.88,
            "Hippocampus": 0.62, "Amygdala": 0.62, "CSF": 0.20, "Accumbens-area": 0.70, "VentralDC": 0.86,
        },
        other=0.60,
        texture=0.055,
    ),
    "T2w": Recipe(
        {
            "Cerebral-White-Matter": 0.36, "Cerebral-Cortex": 0.56, "Lateral-Ventricle": 1.00, "Inf-Lat-Vent": 1.00,
            "Cerebellum-White-Matter": 0.38, "Cerebellum-Cortex": 0.55, "Thalamus": 0.44, "Caudate": 0.48,
            "Putamen": 0.43, "Pallidum": 0.32, "3rd-Ventricle": 1.00, "4th-Ventricle": 1.00, "Brain-Stem": 0.40,
            "Hippocampus": 0.57, "Amygdala": 0.56, "CSF": 1.00, "Accumbens-area": 0.46, "VentralDC": 0.40,
        },
        other=0.50,
        texture=-0.035,
    ),
    # T2-weighted with the signal of fluid nulled: grey matter above white matter, fluid nearly black
    "FLAIR": Recipe(
        {
            "Cerebral-White-Matter": 0.70, "Cerebral-Cortex": 0.94, "Lateral-Ventricle": 0.12, "Inf-Lat-Vent": 0.12,
            "Cerebellum-White-Matter": 0.70, "Cerebellum-Cortex": 0.88, "Thalamus": 0.82, "Caudate": 0.90,
            "Putamen": 0.84, "Pallidum": 0.62, "3rd-Ventricle": 0.14, "4th-Ventricle": 0.16, "Brain-Stem": 0.74,
            "Hippocampus": 1.00, "Amygdala": 1.00, "CSF": 0.12, "Accumbens-area": 0.90, "VentralDC": 0.74,
        },
        other=0.80,
        texture=-0.040,
    ),
    # weighted by the density of protons: fluid and grey matter alike, white matter a little darker
    "PDw": Recipe(
        {
            "Cerebral-White-Matter": 0.74, "Cerebral-Cortex": 0.92, "Lateral-Ventricle": 1.00, "Inf-Lat-Vent": 1.00,
            "Cerebellum-White-Matter": 0.75, "Cerebellum-Cortex": 0.91, "Thalamus": 0.83, "Caudate": 0.90,
            "Putamen": 0.86, "Pallidum": 0.72, "3rd-Ventricle": 1.00, "4th-Ventricle": 1.00, "Brain-Stem": 0.78,
            "Hippocampus": 0.92, "Amygdala": 0.92, "CSF": 1.00, "Accumbens-area": 0.90, "VentralDC": 0.78,
        },
        other=0.85,
        texture=-0.025,
    ),
}  # fmt: skip
"""Modality -> its recipe, after 3 T scans of adults. Add new ones at the end: noise is drawn in this order."""


def check_recipes(modalities: Iterable[str], where: str) -> None:
    """Make sure that a synthetic cohort can have these modalities.

    Raises
    ------
    InputError
        With the modality that has no recipe; `where` says whose it is.
    """
    for modality in modalities:
        if modality not in RECIPES:
            raise InputError(
                where,
                f"modality {modality}, for which synthetic brains have no contrast recipe",
                f"modalities among {', '.join(RECIPES)}, where a cohort is synthetic",
                "leave it out of `modalities`, drop the synthetic cohorts, or add a recipe to synthetic/recipes.py",
            )

"""What a brain is made of: FreeSurfer numbers, names, and how bright each is in a modality."""

from dataclasses import dataclass

import numpy as np

from neuroquant.synthetic.recipes import RECIPES

LAST = 499
"""The largest number of a structure inside the head; maps of SynthSeg's training use 500 and more outside the brain."""
FLUID = 24


@dataclass(frozen=True)
class Structure:
    """One kind of tissue at one place.

    Attributes
    ----------
    left, right : FreeSurfer numbers; `right` is 0 for structures on the midline
    """

    name: str
    left: int
    right: int


STRUCTURES = (
    Structure("Cerebral-White-Matter", 2, 41),
    Structure("Cerebral-Cortex", 3, 42),
    Structure("Lateral-Ventricle", 4, 43),
    Structure("Inf-Lat-Vent", 5, 44),
    Structure("Cerebellum-White-Matter", 7, 46),
    Structure("Cerebellum-Cortex", 8, 47),
    Structure("Thalamus", 10, 49),
    Structure("Caudate", 11, 50),
    Structure("Putamen", 12, 51),
    Structure("Pallidum", 13, 52),
    Structure("3rd-Ventricle", 14, 0),
    Structure("4th-Ventricle", 15, 0),
    Structure("Brain-Stem", 16, 0),
    Structure("Hippocampus", 17, 53),
    Structure("Amygdala", 18, 54),
    Structure("CSF", FLUID, 0),
    Structure("Accumbens-area", 26, 58),
    Structure("VentralDC", 28, 60),
)


def names() -> dict[int, str]:
    """FreeSurfer number -> FreeSurfer name, in the order of the numbers.

    Examples
    --------
    >>> names()[17]
    'Left-Hippocampus'
    """
    by_number = {}
    for structure in STRUCTURES:
        if structure.right:
            by_number[structure.left] = f"Left-{structure.name}"
            by_number[structure.right] = f"Right-{structure.name}"
        else:
            by_number[structure.left] = structure.name
    return dict(sorted(by_number.items()))


def intensities(modality: str) -> tuple[np.ndarray, np.ndarray]:
    """Intensity of every number, (LAST + 1,), and the kind of tissue it is: the same on the left and on the right.

    The background (0) looks like fluid, for that is what surrounds a brain before it is skull-stripped.
    """
    recipe = RECIPES[modality]
    values = np.full(LAST + 1, recipe.other, np.float32)
    kinds = np.full(LAST + 1, len(STRUCTURES), int)
    for kind, structure in enumerate(STRUCTURES):
        for number in (structure.left, structure.right or structure.left):
            values[number] = recipe.tissues[structure.name]
            kinds[number] = kind
    values[0], kinds[0] = values[FLUID], kinds[FLUID]
    return values, kinds

"""What a brain is made of: FreeSurfer numbers, names and intensities in T1w and T2w."""

from dataclasses import dataclass

import numpy as np

LAST = 499
"""The largest number of a structure inside the head; maps of SynthSeg's training use 500 and more outside the brain."""
FLUID = 24
OTHER = (0.60, 0.50)
"""T1w and T2w intensity of numbers that the table doesn't know."""


@dataclass(frozen=True)
class Structure:
    """One kind of tissue at one place.

    Attributes
    ----------
    left, right : FreeSurfer numbers; `right` is 0 for structures on the midline
    t1w, t2w : intensity relative to cerebral white matter (T1w) or fluid (T2w), as in 3 T scans of adults
    """

    name: str
    left: int
    right: int
    t1w: float
    t2w: float


STRUCTURES = (
    Structure("Cerebral-White-Matter", 2, 41, 1.00, 0.36),
    Structure("Cerebral-Cortex", 3, 42, 0.62, 0.56),
    Structure("Lateral-Ventricle", 4, 43, 0.20, 1.00),
    Structure("Inf-Lat-Vent", 5, 44, 0.20, 1.00),
    Structure("Cerebellum-White-Matter", 7, 46, 0.94, 0.38),
    Structure("Cerebellum-Cortex", 8, 47, 0.60, 0.55),
    Structure("Thalamus", 10, 49, 0.80, 0.44),
    Structure("Caudate", 11, 50, 0.68, 0.48),
    Structure("Putamen", 12, 51, 0.74, 0.43),
    Structure("Pallidum", 13, 52, 0.88, 0.32),
    Structure("3rd-Ventricle", 14, 0, 0.20, 1.00),
    Structure("4th-Ventricle", 15, 0, 0.20, 1.00),
    Structure("Brain-Stem", 16, 0, 0.88, 0.40),
    Structure("Hippocampus", 17, 53, 0.62, 0.57),
    Structure("Amygdala", 18, 54, 0.62, 0.56),
    Structure("CSF", FLUID, 0, 0.20, 1.00),
    Structure("Accumbens-area", 26, 58, 0.70, 0.46),
    Structure("VentralDC", 28, 60, 0.86, 0.40),
)


def names() -> dict[int, str]:
    """FreeSurfer number -> FreeSurfer name, in the order of the numbers."""
    found = {}
    for structure in STRUCTURES:
        if structure.right:
            found[structure.left] = f"Left-{structure.name}"
            found[structure.right] = f"Right-{structure.name}"
        else:
            found[structure.left] = structure.name
    return dict(sorted(found.items()))


def intensities(modality: str) -> tuple[np.ndarray, np.ndarray]:
    """Intensity of every number, (LAST + 1,), and the kind of tissue it is: the same on the left and on the right.

    The background (0) looks like fluid, for that is what surrounds a brain before it is skull-stripped.
    """
    values = np.full(LAST + 1, OTHER[modality == "T2w"], np.float32)
    kinds = np.full(LAST + 1, len(STRUCTURES), int)
    for kind, structure in enumerate(STRUCTURES):
        for number in (structure.left, structure.right or structure.left):
            values[number] = structure.t2w if modality == "T2w" else structure.t1w
            kinds[number] = kind
    values[0], kinds[0] = values[FLUID], kinds[FLUID]
    return values, kinds

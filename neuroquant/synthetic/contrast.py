"""From a brain to its scans: tissue contrast, texture, point spread, bias field, Rician noise."""

import numpy as np
from scipy import ndimage

from neuroquant.config.cohort import Scanner
from neuroquant.synthetic.recipes import RECIPES
from neuroquant.synthetic.structures import STRUCTURES, intensities
from neuroquant.synthetic.warping import Brain

JITTER = 0.03
"""Standard deviation of a subject's own tissue intensities, relative."""


def tissue_means(modality: str, scanner: Scanner, generator: np.random.Generator) -> np.ndarray:
    """Intensity of every FreeSurfer number, (LAST + 1,): the scanner's contrast with the subject's own jitter."""
    values, kinds = intensities(modality)
    jitter = 1 + JITTER * generator.standard_normal(len(STRUCTURES) + 1)
    return (values ** scanner.contrast.get(modality, 1.0) * jitter[kinds]).astype(np.float32)


def acquire(
    brain: Brain, means: np.ndarray, modality: str, scanner: Scanner, generator: np.random.Generator
) -> np.ndarray:
    """One skull-stripped scan of a brain.

    Parameters
    ----------
    brain : (D, H, W) labels, texture and tissue mixture
    means : (LAST + 1,) intensity of every FreeSurfer number, from `tissue_means`
    generator : noise and bias field of this visit

    Returns
    -------
    (D, H, W) int16 in scanner units, 0 outside the brain and at least 1 inside
    """
    inside = brain.labels > 0
    image = np.full(inside.shape, means[0], np.float32)
    image[inside] = brain.tissue(means) + RECIPES[modality].texture * brain.texture[inside]
    if scanner.blur:
        image = ndimage.gaussian_filter(image, scanner.blur / brain.view.voxel_mm, truncate=3)
    signal = image[inside]
    if scanner.bias:
        signal = signal * bias_field(inside.shape, scanner.bias, generator)[inside]
    noise = scanner.noise * generator.standard_normal((2, signal.size), dtype=np.float32)
    magnitude = np.hypot(signal + noise[0], noise[1])
    scan = np.zeros(inside.shape, np.int16)
    scan[inside] = np.clip(np.round(magnitude * scanner.gain), 1, np.iinfo(np.int16).max)
    return scan


def bias_field(shape: tuple[int, ...], amplitude: float, generator: np.random.Generator) -> np.ndarray:
    """A smooth multiplicative field (D, H, W) around 1, from a few random values across the field of view.

    `amplitude` is the standard deviation of its logarithm over many scans, before the values are smoothed.
    """
    knots = generator.standard_normal((4, 4, 4)).astype(np.float32)
    field = ndimage.gaussian_filter(knots, 0.7, mode="nearest")
    for axis, side in enumerate(shape):  # separable linear interpolation
        place = np.linspace(0, 3, side, dtype=np.float32)
        low = np.minimum(place.astype(int), 2)
        share = (place - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        field = np.take(field, low, axis) * (1 - share) + np.take(field, low + 1, axis) * share
    return np.exp(amplitude * field)

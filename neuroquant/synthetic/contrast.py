"""From a brain to its scans: tissue contrast, texture, point spread, bias field, Rician noise."""

import numpy as np
from scipy import ndimage

from neuroquant.config.cohort import Scanner
from neuroquant.synthetic.recipes import RECIPES
from neuroquant.synthetic.structures import STRUCTURES, intensities
from neuroquant.synthetic.warping import Brain

FAINTEST = 0.05
"""Least intensity of a tissue after its jitter, relative to its recipe's."""


def tissue_means(modality: str, scanner: Scanner, generator: np.random.Generator) -> np.ndarray:
    """Intensity of every FreeSurfer number, (LAST + 1,): the scanner's contrast with the subject's own jitter."""
    values, kinds = intensities(modality)
    jitter = np.maximum(1 + scanner.jitter * generator.standard_normal(len(STRUCTURES) + 1), FAINTEST)
    exponent = scanner.contrast.get(modality, 1.0)
    if scanner.contrast_spread:  # nothing is drawn without it, so that older cohorts keep their bytes
        exponent *= np.exp(scanner.contrast_spread * generator.standard_normal())
    return (values**exponent * jitter[kinds]).astype(np.float32)


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
    scanner = of_scan(scanner, generator)
    inside = brain.labels > 0
    image = np.full(inside.shape, means[0], np.float32)
    image[inside] = brain.tissue(means) + RECIPES[modality].texture * brain.texture[inside]
    if scanner.blur:
        image = ndimage.gaussian_filter(image, scanner.blur / brain.view.voxel_mm, truncate=3)
    if scanner.slice_mm:
        image = thick_slices(image, brain.view.voxel_mm, scanner.slice_mm, generator)
    signal = image[inside]
    if scanner.bias:
        signal = signal * bias_field(inside.shape, scanner.bias, generator)[inside]
    noise = scanner.noise * generator.standard_normal((2, signal.size), dtype=np.float32)
    magnitude = np.hypot(signal + noise[0], noise[1])
    scan = np.zeros(inside.shape, np.int16)
    scan[inside] = np.clip(np.round(magnitude * scanner.gain), 1, np.iinfo(np.int16).max)
    return scan


def of_scan(scanner: Scanner, generator: np.random.Generator) -> Scanner:
    """The scanner with the noise, bias and blur of one scan, drawn uniformly within `spread`."""
    if not scanner.spread:
        return scanner
    low, high = 1 - scanner.spread, 1 + scanner.spread
    own = {name: getattr(scanner, name) * generator.uniform(low, high) for name in ("noise", "bias", "blur")}
    return scanner.model_copy(update=own)


def thick_slices(image: np.ndarray, voxel_mm: float, thickest: float, generator: np.random.Generator) -> np.ndarray:
    """An image (D, H, W) as slices of a random thickness up to `thickest` mm along a random axis show it.

    The profile of a slice is a Gaussian with the standard deviation of a box, beyond that of a voxel.
    """
    axis, thickness = int(generator.integers(3)), float(generator.uniform(0, thickest))
    if thickness <= voxel_mm:
        return image
    width = np.sqrt((thickness**2 - voxel_mm**2) / 12) / voxel_mm
    return ndimage.gaussian_filter1d(image, width, axis, truncate=3)


def bias_field(shape: tuple[int, ...], amplitude: float, generator: np.random.Generator) -> np.ndarray:
    """A smooth multiplicative field (D, H, W) around 1, from a few random values across the field of view.

    `amplitude` is the standard deviation of its logarithm over many scans, before the values are smoothed.
    """
    knots = generator.standard_normal((4, 4, 4)).astype(np.float32)
    field = ndimage.gaussian_filter(knots, 0.7, mode="nearest")
    for axis, side in enumerate(shape):  # separable linear interpolation
        position = np.linspace(0, 3, side, dtype=np.float32)
        low = np.minimum(position.astype(int), 2)
        share = (position - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        field = np.take(field, low, axis) * (1 - share) + np.take(field, low + 1, axis) * share
    return np.exp(amplitude * field)

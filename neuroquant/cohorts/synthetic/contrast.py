"""From a label map to T1w and T2w scans: tissue contrast, texture, point spread, bias field, Rician noise."""

import numpy as np
from scipy import ndimage

from neuroquant.config.cohort import Scanner

# Relative intensities with cerebral white matter (T1w) or fluid (T2w) at 1, as in 3 T scans of adults.
FLUID = (4, 5, 14, 15, 24, 43, 44)
T1 = {
    2: 1.0, 41: 1.0, 3: 0.62, 42: 0.62, 7: 0.94, 46: 0.94, 8: 0.60, 47: 0.60, 10: 0.80, 49: 0.80, 11: 0.68, 50: 0.68,
    12: 0.74, 51: 0.74, 13: 0.88, 52: 0.88, 16: 0.88, 17: 0.62, 53: 0.62, 18: 0.62, 54: 0.62, 26: 0.70, 58: 0.70,
    28: 0.86, 60: 0.86, **dict.fromkeys(FLUID, 0.20),
}  # fmt: skip
T2 = {
    2: 0.36, 41: 0.36, 3: 0.56, 42: 0.56, 7: 0.38, 46: 0.38, 8: 0.55, 47: 0.55, 10: 0.44, 49: 0.44, 11: 0.48, 50: 0.48,
    12: 0.43, 51: 0.43, 13: 0.32, 52: 0.32, 16: 0.40, 17: 0.57, 53: 0.57, 18: 0.56, 54: 0.56, 26: 0.46, 58: 0.46,
    28: 0.40, 60: 0.40, **dict.fromkeys(FLUID, 1.0),
}  # fmt: skip
OTHER = 0.5
JITTER = 0.03
TEXTURE = {"T1w": 0.055, "T2w": -0.035}


def tissue_means(modality: str, exponent: float, generator: np.random.Generator) -> np.ndarray:
    """Mean intensity of every label number, (256,), with a subject's own small deviations; 0 for the background."""
    means = np.full(256, OTHER, np.float32)
    for label, value in (T1 if modality == "T1w" else T2).items():
        means[label] = value
    means = means**exponent * (1 + JITTER * generator.standard_normal(256).astype(np.float32))
    means[0] = 0
    pairs = {2: 41, 3: 42, 4: 43, 5: 44, 7: 46, 8: 47, 10: 49, 11: 50, 12: 51, 13: 52, 17: 53, 18: 54, 26: 58, 28: 60}
    for left, right in pairs.items():
        means[right] = means[left]
    return means


def acquire(
    labels: np.ndarray,
    texture: np.ndarray,
    modality: str,
    scanner: Scanner,
    voxel_mm: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """One skull-stripped scan of a brain.

    Parameters
    ----------
    labels : (D, H, W) int16, FreeSurfer numbers
    texture : (D, H, W) float32, unit variance inside structures
    voxel_mm : side of these voxels, mm

    Returns
    -------
    (D, H, W) int16 in scanner units, 0 outside the brain
    """
    exponent = scanner.t1_contrast if modality == "T1w" else scanner.t2_contrast
    image = tissue_means(modality, exponent, generator)[np.clip(labels, 0, 255)]
    image += TEXTURE[modality] * texture * (labels > 0)
    if scanner.blur:
        image = ndimage.gaussian_filter(image, scanner.blur / voxel_mm, truncate=3)
    if scanner.bias:
        image *= bias_field(labels.shape, voxel_mm, scanner.bias, generator)
    real = image + scanner.noise * generator.standard_normal(image.shape, dtype=np.float32)
    imaginary = scanner.noise * generator.standard_normal(image.shape, dtype=np.float32)
    magnitude = np.sqrt(real * real + imaginary * imaginary) * (labels > 0)
    floor = (labels > 0).astype(np.float32)  # inside the brain at least 1, so that zero means outside
    return np.clip(np.maximum(np.round(magnitude * scanner.gain), floor), 0, 32767).astype(np.int16)


def bias_field(shape: tuple[int, ...], voxel_mm: float, amplitude: float, generator: np.random.Generator) -> np.ndarray:
    """A smooth multiplicative field (D, H, W) around 1, from a few random values across the field of view."""
    knots = generator.standard_normal((4, 4, 4)).astype(np.float32)
    smooth = ndimage.gaussian_filter(knots, 0.7, mode="nearest")
    axes = [np.linspace(0, 3, side, dtype=np.float32) for side in shape]
    field = smooth
    for axis, place in enumerate(axes):  # separable linear interpolation
        low = np.minimum(place.astype(int), 2)
        share = (place - low).reshape([-1 if a == axis else 1 for a in range(3)])
        field = np.take(field, low, axis) * (1 - share) + np.take(field, low + 1, axis) * share
    return np.exp(amplitude * field).astype(np.float32)

"""Scanner intensities to [-1, 1] and back."""

import numpy as np

BACKGROUND = -1.0


def intensity_bounds(values: np.ndarray, percentiles: tuple[float, float]) -> tuple[float, float]:
    """Intensities at two percentiles of the brain's values; the lower one is never below 0.

    Interpolation leaves small negative ripples around the brain; they are no signal, and become background.
    """
    low, high = (float(value) for value in np.percentile(values, percentiles))
    return max(low, 0.0), high


def normalise(data: np.ndarray, mask: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """Intensities (D, H, W) to float16: `bounds` become -1 and 1, what lies beyond is clipped, outside `mask` is -1."""
    scaled = np.clip((data - bounds[0]) / (bounds[1] - bounds[0]) * 2 - 1, -1, 1)
    return np.where(mask, scaled, BACKGROUND).astype(np.float16)


def denormalise(volume: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """[-1, 1] (D, H, W) back to scanner intensities, float32."""
    return ((np.asarray(volume, np.float32) + 1) / 2 * (bounds[1] - bounds[0]) + bounds[0]).astype(np.float32)

"""Faults of real scans, at a strength between none and full: TorchIO's transforms with fixed parameters."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from neuroquant.config.robustness import Fault
from neuroquant.extras import optional

with optional():
    import torchio as tio

DEGREES = 10.0
"""Of a rotation at full strength, about one axis."""
NOISE = 0.1
"""Standard deviation at full strength, as a share of the range of a volume."""
BIAS = 0.5
"""Largest coefficient of the field's polynomial at full strength (TorchIO's default is 0.5)."""
GHOSTS, GHOSTING = 4, 0.5
"""Number of ghosts, and their intensity at full strength, relative to the image's own."""
MISSING = 0.25
"""Share of the slices that are missing at full strength."""
Spoil = Callable[[Tensor, float, np.random.Generator], Tensor]
"""From a volume (1, D, H, W) with background 0, a strength in (0, 1] and a generator to the spoiled volume."""


def bias_field(volume: Tensor, strength: float, generator: np.random.Generator) -> Tensor:
    """Multiply by the exponential of a random polynomial of order 3."""
    order = 3
    terms = sum(1 for i in range(order + 1) for j in range(order + 1 - i) for _ in range(order + 1 - i - j))
    return tio.BiasField(list(generator.uniform(-BIAS, BIAS, terms) * strength), order=order)(volume)


def noise(volume: Tensor, strength: float, generator: np.random.Generator) -> Tensor:
    """Add Gaussian noise, of the background too."""
    spread = NOISE * strength * float(volume.max() - volume.min())
    return tio.Noise(mean=0.0, std=spread, seed=int(generator.integers(2**31)))(volume)


def ghosting(volume: Tensor, strength: float, generator: np.random.Generator) -> Tensor:
    """Copies of the head along an axis, as movement makes them."""
    axis = int(generator.integers(3))
    return tio.Ghosting(num_ghosts=GHOSTS, axis=axis, intensity=GHOSTING * strength, restore=0.02)(volume)


def rotation(volume: Tensor, strength: float, generator: np.random.Generator) -> Tensor:
    """Turn about one axis, around the centre of the volume."""
    degrees = [0.0, 0.0, 0.0]
    degrees[int(generator.integers(3))] = DEGREES * strength * float(generator.choice([-1.0, 1.0]))
    turn = tio.Affine(scales=(1, 1, 1), degrees=degrees, translation=(0, 0, 0), default_pad_value=0)
    return turn(volume)


def missing_slices(volume: Tensor, strength: float, generator: np.random.Generator) -> Tensor:
    """Set slices along one axis to background."""
    axis = 1 + int(generator.integers(3))
    count = max(1, round(MISSING * strength * volume.shape[axis]))
    gone = torch.from_numpy(np.sort(generator.permutation(volume.shape[axis])[:count]))
    return volume.index_fill(axis, gone, 0.0)


FAULTS: dict[Fault, Spoil] = {
    "bias_field": bias_field,
    "noise": noise,
    "ghosting": ghosting,
    "rotation": rotation,
    "missing_slices": missing_slices,
}


def spoiled(image: Tensor, fault: Fault, strength: float, seed: int) -> Tensor:
    """A volume with a fault.

    Parameters
    ----------
    image : (D, H, W) in [-1, 1], background -1.
    fault : which.
    strength : 0 to 1; 0 gives the image as it is.
    seed : of everything that is drawn; the same seed gives the same fault at every strength.

    Returns
    -------
    (D, H, W) in [-1, 1].

    Examples
    --------
    >>> image = torch.linspace(-1, 1, 4096).reshape(16, 16, 16)
    >>> bool((spoiled(image, "noise", 0.0, 0) == image).all())
    True
    """
    if not strength:
        return image
    volume = FAULTS[fault](image[None].float() + 1, strength, np.random.default_rng(seed))
    return (volume[0] - 1).clamp(-1, 1)

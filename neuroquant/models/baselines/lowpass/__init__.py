"""What the metrics say of doing nothing: the volume itself, or its means over cubes, interpolated back."""

from typing import TYPE_CHECKING

from pydantic import Field

from neuroquant.config.base import Count, Settings
from neuroquant.models import grid
from neuroquant.models.spec import ModelSpec

if TYPE_CHECKING:
    from neuroquant.models.autoencoder import Autoencoder


class Parameters(Settings):
    """By how much."""

    factor: Count = Field(8, description="side of the cubes, in voxels; 1: the identity")


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """Latents of a volume of `shape`: name -> (C, d, h, w)."""
    return {"z": (1, *grid.of_volume(shape, parameters.factor))}


def divisor(parameters: Parameters) -> int:
    """What the sides of volumes must be multiples of."""
    return parameters.factor


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """Float32 latents, as `decode` is given them."""
    return grid.float_bits(latent_shapes(parameters, shape))


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "Autoencoder":
    """The model; it has nothing to learn."""
    from neuroquant.models.baselines.lowpass.network import LowPass

    return LowPass(parameters)


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=latent_shapes,
    divisor=divisor,
    bits=bits,
)

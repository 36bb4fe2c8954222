"""MedVAE (Varma et al. 2025): the 3D KL autoencoder of factor 8, on whole volumes."""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from neuroquant.config.base import Count, Layers, NonNegative, Settings
from neuroquant.models import grid
from neuroquant.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

    from neuroquant.models.autoencoder import Autoencoder
UNUSED = ("channel_ds.", "channel_proj.", "loss.")
"""What the authors' file holds beside the autoencoder: a head of their second stage, and training's own networks."""


class Parameters(Settings):
    """Sizes; the defaults are the authors' `medvae_8x1` in three dimensions: 245.84 M parameters.

    Their class counts 245.95 M: 0.11 M of them are the heads of their second stage, which no image passes.
    """

    width: Count = Field(128, description="channels of the finest level")
    mults: tuple[Count, ...] = Field(
        (1, 2, 4, 4),
        min_length=2,
        max_length=5,
        description="channels of the n levels, times the width; factor 2^(n-1)",
    )
    latent_channels: Count = Field(1, description="channels of the latent")
    blocks: Layers = Field(2, description="residual blocks a level")
    groups: Count = Field(32, description="groups of the group norms")
    kl_weight: NonNegative = Field(1e-6, description="weight of the KL divergence a latent element")

    @property
    def factor(self) -> int:
        """Side reduction: a step down between each level and the next."""
        return 2 ** (len(self.mults) - 1)


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """Latents of a volume of `shape`: name -> (C, d, h, w)."""
    return {"z": (parameters.latent_channels, *grid.of_volume(shape, parameters.factor))}


def divisor(parameters: Parameters) -> int:
    """What the sides of volumes must be multiples of."""
    return parameters.factor


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """Float32 latents, as `decode` is given them."""
    return grid.float_bits(latent_shapes(parameters, shape))


def published_state(state: dict[str, Any]) -> dict[str, "Tensor"]:
    """The network's tensors in the authors' file, under our names."""
    state = state.get("state_dict", state)
    return {f"network.{name}": tensor for name, tensor in state.items() if not name.startswith(UNUSED)}


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "Autoencoder":
    """A freshly initialised network."""
    from neuroquant.models.baselines.medvae.network import MedVAE

    return MedVAE(parameters)


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=latent_shapes,
    published_state=published_state,
    divisor=divisor,
    bits=bits,
)

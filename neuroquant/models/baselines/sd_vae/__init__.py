"""SD-VAE: the autoencoder of Stable Diffusion (Rombach et al. 2022), slice by slice, through diffusers."""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from neuroquant.config.base import Count, Layers, NonNegative, Settings
from neuroquant.models import grid
from neuroquant.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

    from neuroquant.models.slicewise import SlicewiseAutoencoder


class Parameters(Settings):
    """Sizes; the defaults are Stable Diffusion's own (83.65 M parameters, factor 8, 4 latent channels)."""

    block_out_channels: tuple[Count, ...] = Field(
        (128, 256, 512, 512),
        min_length=2,
        max_length=5,
        description="widths of the levels, top down; n: factor 2^(n-1)",
    )
    layers_per_block: Layers = Field(2, description="residual layers a level")
    latent_channels: Count = Field(4, description="channels of the latent")
    norm_num_groups: Count = Field(32, description="groups of the group norms")
    kl_weight: NonNegative = Field(
        1e-6, description="weight of the KL divergence a latent element, as its authors have"
    )
    axis: int = Field(2, ge=0, le=2, description="axis that is sliced: 2 is axial")
    chunk: Count = Field(16, description="slices a call when encoding whole volumes")

    @property
    def factor(self) -> int:
        """Side reduction: a step down between each level and the next."""
        return 2 ** (len(self.block_out_channels) - 1)


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """Latents of a volume of `shape`: name -> (C, d, h, w)."""
    return {"z": (parameters.latent_channels, *grid.of_slices(shape, parameters.factor, parameters.axis))}


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """Float32 latents, as `decode` is given them."""
    return grid.float_bits(latent_shapes(parameters, shape))


def published_state(state: dict[str, Any]) -> dict[str, "Tensor"]:
    """The network's tensors in the authors' file, under our names; older ones name the attention otherwise."""
    renamed = {}
    for name, tensor in state.items():
        for old, new in (("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")):
            if f".{old}." in name:
                name, tensor = name.replace(f".{old}.", f".{new}."), tensor.flatten(1) if tensor.ndim == 4 else tensor
        renamed[f"network.{name}"] = tensor
    return renamed


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "SlicewiseAutoencoder":
    """A freshly initialised network."""
    from neuroquant.models.baselines.sd_vae.network import SDVAE

    return SDVAE(parameters)


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=latent_shapes,
    published_state=published_state,
    bits=bits,
)

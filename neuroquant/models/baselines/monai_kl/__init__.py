"""KL autoencoders of MONAI on whole volumes: BrLP's (Puglisi et al. 2024) and MAISI's (Guo et al. 2024)."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from neuroquant.config.base import Count, Layers, NonNegative, Settings
from neuroquant.models import grid
from neuroquant.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

    from neuroquant.models.autoencoder import Autoencoder


class Parameters(Settings):
    """Sizes; the defaults are BrLP's. MAISI's are in config/models/maisi.yaml."""

    network: Literal["kl", "maisi"] = Field("kl", description="MONAI's AutoencoderKL, or its AutoencoderKlMaisi")
    channels: tuple[Count, ...] = Field((64, 128, 128, 128), description="channels of the levels, top down; 3 or 4")
    latent_channels: Count = Field(3, description="channels of the latent")
    blocks: Layers = Field(2, description="residual blocks a level")
    groups: Count = Field(32, description="groups of the group norms")
    kl_weight: NonNegative = Field(1e-7, description="weight of the KL divergence a latent element")

    @model_validator(mode="after")
    def _levels_fit(self) -> "Parameters":
        if len(self.channels) not in (3, 4):
            raise ValueError(f"channels: 3 levels (factor 4) or 4 (factor 8), not {len(self.channels)}")
        bad = [width for width in self.channels if width % self.groups]
        if bad:
            raise ValueError(f"channels must be multiples of groups = {self.groups}; {bad[0]} isn't")
        return self


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """Latents of a volume of `shape`: name -> (C, d, h, w)."""
    return {"z": (parameters.latent_channels, *grid.of_volume(shape, divisor(parameters)))}


def divisor(parameters: Parameters) -> int:
    """What the sides of volumes must be multiples of: the side reduction."""
    return 2 ** (len(parameters.channels) - 1)


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """Float32 latents, as `decode` is given them."""
    return grid.float_bits(latent_shapes(parameters, shape))


def published_state(state: dict[str, Any]) -> dict[str, "Tensor"]:
    """The network's tensors in the authors' file, under our names."""
    return {f"network.{name}": tensor for name, tensor in state.get("state_dict", state).items()}


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "Autoencoder":
    """A freshly initialised network."""
    from neuroquant.models.baselines.monai_kl.network import MonaiKL

    return MonaiKL(parameters)


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=latent_shapes,
    published_state=published_state,
    divisor=divisor,
    bits=bits,
)

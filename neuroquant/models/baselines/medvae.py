"""MedVAE (Varma et al. 2025): the 3D KL autoencoder of factor 8, on whole volumes."""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from neuroquant.config.base import Count, Layers, NonNegative, Settings
from neuroquant.models import grid

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


def build(parameters: Parameters) -> "Autoencoder":
    """A freshly initialised network."""
    import torch
    from torch import Tensor, nn

    from neuroquant.models.autoencoder import Autoencoder, Output
    from neuroquant.models.compvis.network import CompVis, Sizes
    from neuroquant.models.posterior import drawn

    class MedVAE(Autoencoder):
        """Volumes to a latent of few channels and back."""

        factor, probe_latent = parameters.factor, "z"

        def __init__(self) -> None:
            super().__init__()
            channels = parameters.latent_channels
            sizes = Sizes(
                3, 1, parameters.width, parameters.mults, channels, True, parameters.blocks, parameters.groups
            )
            self.network = CompVis(sizes, channels)

        def moments(self, x: Tensor) -> Tensor:
            """(B, 1, D, H, W) to mean and log variance (B, 2C, d, h, w)."""
            return self.network.quant_conv(self.network.encoder(x))

        def image(self, z: Tensor) -> Tensor:
            """(B, C, d, h, w) to (B, 1, D, H, W)."""
            return self.network.decoder(self.network.post_quant_conv(z))

        def encode(self, x: Tensor, modality: Tensor) -> dict[str, Tensor]:
            """The posterior's mode; volumes one by one, for the sake of memory."""
            self.check_shape(x)
            return {"z": torch.cat([drawn(self.moments(one), sample=False)[0] for one in x.split(1)])}

        def decode(self, latents: dict[str, Tensor], modality: Tensor) -> Tensor:
            """z (B, C, d, h, w) to volumes (B, 1, D, H, W)."""
            return torch.cat([self.image(one) for one in latents["z"].split(1)])

        def forward(self, x: Tensor, modality: Tensor, plane: int | None = None) -> Output:
            """One pass for training, on volumes or pieces of them."""
            if plane is not None:
                raise ValueError("MedVAE's 3D network takes volumes, not slices: use phases of mode 3d")
            self.check_shape(x)
            z, kl = drawn(self.moments(x), sample=self.training)
            return Output(self.image(z), {"z": z}, {"kl": parameters.kl_weight * kl})

        def bits(self, shape: tuple[int, int, int]) -> float:
            """Float32 latents, as `decode` is given them."""
            positions = torch.Size(side // parameters.factor for side in shape).numel()
            return 32.0 * parameters.latent_channels * positions

            return bits(parameters, shape)

        def units(self) -> list[nn.Module]:
            """Both halves."""
            return list(self.network.halves())

    return MedVAE()

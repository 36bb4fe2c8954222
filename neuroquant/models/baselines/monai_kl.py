"""KL autoencoders of MONAI on whole volumes: BrLP's (Puglisi et al. 2024) and MAISI's (Guo et al. 2024)."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from neuroquant.config.base import Count, Layers, NonNegative, Settings
from neuroquant.models import grid

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


def build(parameters: Parameters) -> "Autoencoder":
    """A freshly initialised network."""
    import torch
    from monai.apps.generation.maisi.networks.autoencoderkl_maisi import AutoencoderKlMaisi
    from monai.networks.nets.autoencoderkl import AutoencoderKL
    from torch import Tensor, nn

    from neuroquant.models.autoencoder import Autoencoder, Output

    levels = len(parameters.channels)
    sizes = {
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": 1,
        "channels" if parameters.network == "kl" else "num_channels": parameters.channels,
        "num_res_blocks": (parameters.blocks,) * levels,
        "latent_channels": parameters.latent_channels,
        "norm_num_groups": parameters.groups,
        "attention_levels": (False,) * levels,
        "with_encoder_nonlocal_attn": False,
        "with_decoder_nonlocal_attn": False,
    }

    class MonaiKL(Autoencoder):
        """Volumes to a continuous latent and back."""

        factor, probe_latent = 2 ** (levels - 1), "z"

        def __init__(self) -> None:
            super().__init__()
            if parameters.network == "kl":
                self.network: nn.Module = AutoencoderKL(**sizes)
            else:
                # in pieces it would lose planes where a side isn't a multiple of theirs (MONAI 1.6.1)
                pieces = {"num_splits": 1, "norm_float16": False, "print_info": False}
                self.network = AutoencoderKlMaisi(**sizes, **pieces, save_mem=False)

        def encode(self, x: Tensor, modality: Tensor) -> dict[str, Tensor]:
            """The posterior's mode; volumes one by one, for the sake of memory."""
            self.check_shape(x)
            return {"z": torch.cat([self.network.encode(one)[0] for one in x.split(1)])}

        def decode(self, latents: dict[str, Tensor], modality: Tensor) -> Tensor:
            """z (B, C, d, h, w) to volumes (B, 1, D, H, W)."""
            return torch.cat([self.network.decode(one) for one in latents["z"].split(1)])

        def forward(self, x: Tensor, modality: Tensor, plane: int | None = None) -> Output:
            """One pass for training, on volumes or pieces of them, with a sampled posterior in training mode."""
            if plane is not None:
                raise ValueError("this network takes volumes, not slices: use phases of mode 3d")
            self.check_shape(x)
            mean, deviation = self.network.encode(x)
            z = self.network.sampling(mean, deviation) if self.training else mean
            kl = 0.5 * (mean.square() + deviation.square() - 1 - 2 * deviation.clamp_min(1e-12).log()).mean()
            return Output(self.network.decode(z), {"z": z}, {"kl": parameters.kl_weight * kl})

        def bits(self, shape: tuple[int, int, int]) -> float:
            """Float32 latents, as `decode` is given them."""
            return bits(parameters, shape)

        def units(self) -> list[nn.Module]:
            """Both halves."""
            return [self.network.encoder, self.network.decoder]

    return MonaiKL()

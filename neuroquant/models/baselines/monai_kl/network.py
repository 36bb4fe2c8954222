"""MONAI's KL autoencoders behind the interface."""

from typing import Literal

import torch
from torch import Tensor, nn

from neuroquant.extras import optional
from neuroquant.models.autoencoder import Autoencoder, Output
from neuroquant.models.baselines.monai_kl import Parameters, bits, divisor
from neuroquant.models.latents import Continuous
from neuroquant.models.start import start_narrow
from neuroquant.models.together import few

with optional():
    from monai.apps.generation.maisi.networks.autoencoderkl_maisi import AutoencoderKlMaisi
    from monai.networks.nets.autoencoderkl import AutoencoderKL


def network_of(parameters: Parameters) -> nn.Module:
    """BrLP's or MAISI's network."""
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
    if parameters.network == "kl":
        return AutoencoderKL(**sizes)
    # in pieces it would lose planes where a side isn't a multiple of theirs (MONAI 1.6.1)
    pieces = {"num_splits": 1, "norm_float16": False, "print_info": False}
    return AutoencoderKlMaisi(**sizes, **pieces, save_mem=False)


class MonaiKL(Autoencoder):
    """Volumes to a continuous latent and back."""

    probe_latent = "z"

    def __init__(self, parameters: Parameters):
        super().__init__()
        self.parameters_used, self.factor = parameters, divisor(parameters)
        self.network = network_of(parameters)
        start_narrow(self.network.quant_conv_log_sigma.conv, parameters.latent_channels)

    def encode(self, x: Tensor, modality: Tensor) -> Continuous:
        """The posterior's mode; a few volumes at a time, which limits the memory."""
        self.check_shape(x)
        return Continuous(torch.cat([self.network.encode(part)[0] for part in few(x)]))

    def decode(self, latents: Continuous, modality: Tensor) -> Tensor:
        """z (B, C, d, h, w) to volumes (B, 1, D, H, W)."""
        return torch.cat([self.network.decode(part) for part in few(latents.z, self.factor)])

    def forward(self, x: Tensor, modality: Tensor, plane: int | None = None) -> Output:
        """One pass for training, on volumes or pieces of them, with a sampled posterior in training mode."""
        if plane is not None:
            raise ValueError("this network takes volumes, not slices: use phases of mode 3d")
        self.check_shape(x)
        mean, deviation = self.network.encode(x)
        z = self.network.sampling(mean, deviation) if self.training else mean
        kl = 0.5 * (mean.square() + deviation.square() - 1 - 2 * deviation.clamp_min(1e-12).log()).mean()
        return Output(self.network.decode(z), Continuous(z), {"kl": self.parameters_used.kl_weight * kl})

    def bits(self, shape: tuple[int, int, int]) -> float:
        """Float32 latents, as `decode` is given them."""
        return bits(self.parameters_used, shape)

    def units(self, what: Literal["norms", "blocks"]) -> list[nn.Module]:
        """Both halves."""
        return [self.network.encoder, self.network.decoder] if what == "blocks" else []

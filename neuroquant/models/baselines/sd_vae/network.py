"""Stable Diffusion's autoencoder behind the interface, slice by slice."""

import torch
from torch import Tensor, nn

from neuroquant.extras import optional
from neuroquant.models.baselines.sd_vae import Parameters
from neuroquant.models.slicewise import SlicewiseAutoencoder
from neuroquant.models.start import start_narrow

with optional():
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL


class SDVAE(SlicewiseAutoencoder):
    """AutoencoderKL on axial slices."""

    def __init__(self, parameters: Parameters):
        super().__init__(parameters.axis, factor=parameters.factor, chunk=parameters.chunk)
        self.parameters_used = parameters
        levels = len(parameters.block_out_channels)
        self.network = AutoencoderKL(
            in_channels=3,
            out_channels=3,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=parameters.block_out_channels,
            layers_per_block=parameters.layers_per_block,
            latent_channels=parameters.latent_channels,
            norm_num_groups=parameters.norm_num_groups,
        )
        start_narrow(self.network.quant_conv, parameters.latent_channels)

    def encode_slices(self, slices: Tensor, sample: bool) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) to (N, C, H/8, W/8) and the weighted KL divergence, averaged over elements."""
        posterior = self.network.encode(slices).latent_dist
        z = posterior.sample() if sample else posterior.mode()
        return z, self.parameters_used.kl_weight * torch.mean(posterior.kl()) / z[0].numel()

    def decode_slices(self, latents: Tensor) -> Tensor:
        """(N, C, h, w) to (N, 3, 8h, 8w)."""
        return self.network.decode(latents).sample

    def units(self) -> list[nn.Module]:
        """Both halves."""
        return [self.network.encoder, self.network.decoder]

    def bits_per_position(self) -> float:
        """Float32 latents, as `decode` is given them."""
        return 32.0 * self.parameters_used.latent_channels

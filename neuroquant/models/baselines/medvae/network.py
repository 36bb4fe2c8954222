"""MedVAE's network: the CompVis family in three dimensions, with a KL posterior."""

from typing import Literal

import torch
from torch import Tensor, nn

from neuroquant.models.autoencoder import Autoencoder, Output
from neuroquant.models.baselines.medvae import Parameters, bits
from neuroquant.models.compvis.network import CompVis, Sizes
from neuroquant.models.latents import Continuous
from neuroquant.models.posterior import drawn
from neuroquant.models.together import few


class MedVAE(Autoencoder):
    """Volumes to a latent of few channels and back."""

    probe_latent = "z"

    def __init__(self, parameters: Parameters):
        super().__init__()
        self.parameters_used, self.factor = parameters, parameters.factor
        channels = parameters.latent_channels
        sizes = Sizes(3, 1, parameters.width, parameters.mults, channels, True, parameters.blocks, parameters.groups)
        self.network = CompVis(sizes, channels)

    def moments(self, x: Tensor) -> Tensor:
        """(B, 1, D, H, W) to mean and log variance (B, 2C, d, h, w)."""
        return self.network.quant_conv(self.network.encoder(x))

    def image(self, z: Tensor) -> Tensor:
        """(B, C, d, h, w) to (B, 1, D, H, W)."""
        return self.network.decoder(self.network.post_quant_conv(z))

    def encode(self, x: Tensor, modality: Tensor) -> Continuous:
        """The posterior's mode; a few volumes at a time, which limits the memory."""
        self.check_shape(x)
        return Continuous(torch.cat([drawn(self.moments(part), sample=False)[0] for part in few(x)]))

    def decode(self, latents: Continuous, modality: Tensor) -> Tensor:
        """z (B, C, d, h, w) to volumes (B, 1, D, H, W)."""
        return torch.cat([self.image(part) for part in few(latents.z, self.factor)])

    def forward(self, x: Tensor, modality: Tensor, plane: int | None = None) -> Output:
        """One pass for training, on volumes or pieces of them."""
        if plane is not None:
            raise ValueError("MedVAE's 3D network takes volumes, not slices: use phases of mode 3d")
        self.check_shape(x)
        z, kl = drawn(self.moments(x), sample=self.training)
        return Output(self.image(z), Continuous(z), {"kl": self.parameters_used.kl_weight * kl})

    def bits(self, shape: tuple[int, int, int]) -> float:
        """Float32 latents, as `decode` is given them."""
        return bits(self.parameters_used, shape)

    def units(self, what: Literal["norms", "blocks"]) -> list[nn.Module]:
        """Both halves."""
        return list(self.network.halves()) if what == "blocks" else []

"""Means over cubes of voxels as an autoencoder without parameters."""

import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.baselines.lowpass import Parameters, bits
from neuroquant.models.latents import Continuous


class LowPass(Autoencoder):
    """Means over cubes as the latent, trilinear interpolation as the decoder."""

    probe_latent = "z"

    def __init__(self, parameters: Parameters):
        super().__init__()
        self.parameters_used, self.factor = parameters, parameters.factor
        self.register_buffer("side", torch.tensor(parameters.factor))

    def encode(self, x: Tensor, modality: Tensor) -> Continuous:
        """(B, 1, D, H, W) to means over cubes."""
        self.check_shape(x)
        return Continuous(F.avg_pool3d(x, self.factor))

    def decode(self, latents: Continuous, modality: Tensor) -> Tensor:
        """Means over cubes to volumes."""
        if self.factor == 1:
            return latents.z
        return F.interpolate(latents.z, scale_factor=float(self.factor), mode="trilinear", align_corners=False)

    def bits(self, shape: tuple[int, int, int]) -> float:
        """Float32 means, as `decode` is given them."""
        return bits(self.parameters_used, shape)

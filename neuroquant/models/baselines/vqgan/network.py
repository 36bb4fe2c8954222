"""VQGAN-LC's network: the CompVis family in two dimensions, and a frozen codebook behind a trained projection."""

import math
from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.models.baselines.vqgan import Parameters
from neuroquant.models.codebook import kmeans, nearest, patches
from neuroquant.models.compvis.network import CompVis, Sizes
from neuroquant.models.latents import Continuous
from neuroquant.models.slicewise import SlicewiseAutoencoder


class VQGAN(SlicewiseAutoencoder):
    """Axial slices to words and back."""

    regulariser = "vq"

    def __init__(self, parameters: Parameters):
        super().__init__(parameters.axis, factor=parameters.factor, chunk=parameters.chunk)
        self.parameters_used, self.codebook_size = parameters, parameters.words
        numbers = 3 * parameters.patch**2
        sizes = Sizes(2, 3, parameters.width, parameters.mults, parameters.z_channels, False, parameters.blocks)
        self.network = CompVis(sizes._replace(groups=parameters.groups), parameters.embed)
        self.register_buffer("codebook", torch.zeros(parameters.words, numbers))
        self.projection = nn.Linear(numbers, parameters.embed)
        nn.init.normal_(self.projection.weight, std=parameters.embed**-0.5)

    @torch.no_grad()
    def prepare(self, volumes: Iterable[Tensor]) -> None:
        """Fill the codebook from training volumes (N, 1, D, H, W), of unit variance around zero."""
        generator = torch.Generator().manual_seed(0)
        slices = (x.movedim(self.plane_axis + 2, 1).flatten(0, 1).to(self.codebook.device) for x in volumes)
        cubes = patches(slices, self.parameters_used.patch, 4 * self.parameters_used.words, generator)
        words = kmeans(cubes, self.parameters_used.words, self.parameters_used.kmeans_rounds, generator).repeat(1, 3)
        words = (words - words.mean(0)) / words.std().clamp_min(1e-6)
        self.codebook.copy_(words / math.sqrt(words.shape[1]))

    def encode_slices(self, slices: Tensor, sample: bool) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) to the nearest projected words (N, C, H/8, W/8), straight through, and L_VQ."""
        z = self.network.quant_conv(self.network.encoder(slices))
        tokens = z.movedim(1, -1).float()
        words = self.projection(self.codebook)
        with torch.no_grad():
            index = nearest(tokens.flatten(0, -2), words.detach())
        z_q = F.embedding(index, words).view(tokens.shape)
        pull, push = F.mse_loss(z_q.detach(), tokens), F.mse_loss(z_q, tokens.detach())
        loss = self.parameters_used.commitment * pull + self.parameters_used.codebook_weight * push
        return (tokens + (z_q - tokens).detach()).movedim(-1, 1), loss

    def decode_slices(self, latents: Tensor) -> Tensor:
        """(N, C, h, w) to (N, 3, 8h, 8w)."""
        return self.network.decoder(self.network.post_quant_conv(latents))

    def codes(self, latents: Continuous) -> Tensor:
        """(B, 1, tokens)."""
        tokens = latents.z.movedim(1, -1).flatten(1, -2).float()
        return nearest(tokens.flatten(0, 1), self.projection(self.codebook)).view(len(tokens), 1, -1)

    def bits_per_position(self) -> float:
        """One word."""
        return math.log2(self.parameters_used.words)

    def units(self, what: Literal["norms", "blocks"]) -> list[nn.Module]:
        """Both halves."""
        return list(self.network.halves()) if what == "blocks" else []

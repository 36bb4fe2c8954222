"""VQGAN-LC (Zhu et al. 2024), slice by slice: a large frozen codebook of which a projection alone is trained."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from neuroquant.config.base import Count, Layers, NonNegative, Settings
from neuroquant.models import grid

if TYPE_CHECKING:
    from torch import Tensor

    from neuroquant.models.slicewise import SlicewiseAutoencoder
OURS = {"tok_embeddings.weight": "codebook", "codebook_projection": "projection"}
UNUSED = ("loss.", "discriminator.", "perceptual_loss.")


class Parameters(Settings):
    """Sizes; the defaults are the authors' f8 network (64.7 M parameters) and their 100,000 words of 768 numbers."""

    width: Count = Field(128, description="channels of the finest level")
    mults: tuple[Count, ...] = Field(
        (1, 2, 2, 4),
        min_length=2,
        max_length=5,
        description="channels of the n levels, times the width; factor 2^(n-1)",
    )
    z_channels: Count = Field(256, description="channels between encoder and latent")
    embed: Count = Field(4, description="channels of the latent, to which words are projected")
    blocks: Layers = Field(2, description="residual blocks a level")
    groups: Count = Field(32, description="groups of the group norms")
    words: Count = Field(100_000, description="size of the frozen codebook")
    patch: Count = Field(
        16,
        description="a word is an RGB patch of so many voxels a side (768 numbers, as CLIP's features have): centres "
        "of k-means over patches of the training subjects, in place of CLIP's features of photographs",
    )
    kmeans_rounds: Count = Field(5, description="rounds of k-means when training begins")
    commitment: NonNegative = Field(1.0, description="weight of the term that pulls latents to words")
    codebook_weight: NonNegative = Field(0.33, description="weight of the term that pulls projected words to latents")
    axis: Count = Field(2, le=2, description="axis that is sliced: 2 is axial")
    chunk: Count = Field(16, description="slices a call when encoding whole volumes")

    @model_validator(mode="after")
    def _groups_fit(self) -> "Parameters":
        if self.width % self.groups:
            raise ValueError(f"width must be a multiple of groups = {self.groups}; {self.width} isn't")
        return self

    @property
    def factor(self) -> int:
        """Side reduction: a step down between each level and the next."""
        return 2 ** (len(self.mults) - 1)


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """Latents of a volume of `shape`: name -> (C, d, h, w)."""
    return {"z": (parameters.embed, *grid.of_slices(shape, parameters.factor, parameters.axis))}


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """A word a position."""
    return math.prod(grid.of_slices(shape, parameters.factor, parameters.axis)) * math.log2(parameters.words)


def published_state(state: dict[str, Any]) -> dict[str, "Tensor"]:
    """The network's tensors in the authors' file, under our names; the codebook may be merged in from theirs."""
    state = state.get("state_dict", state.get("model", state))
    found = {}
    for name, tensor in state.items():
        first = name.split(".")[0]
        if name in OURS:
            found[OURS[name]] = tensor
        elif first in OURS:
            found[name.replace(first, OURS[first], 1)] = tensor
        elif not name.startswith(UNUSED):
            found[f"network.{name}"] = tensor
    return found


def build(parameters: Parameters) -> "SlicewiseAutoencoder":
    """A freshly initialised network; its words are zero until `prepare`, or until weights are loaded."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    from neuroquant.models.codebook import kmeans, nearest, patches
    from neuroquant.models.compvis.network import CompVis, Sizes
    from neuroquant.models.slicewise import SlicewiseAutoencoder

    class VQGAN(SlicewiseAutoencoder):
        """Axial slices to words and back."""

        regulariser, codebook_size = "vq", parameters.words

        def __init__(self) -> None:
            super().__init__(parameters.axis, factor=parameters.factor, chunk=parameters.chunk)
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
            found = patches(slices, parameters.patch, 4 * parameters.words, generator)
            words = kmeans(found, parameters.words, parameters.kmeans_rounds, generator).repeat(1, 3)
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
            loss = parameters.commitment * pull + parameters.codebook_weight * push
            return (tokens + (z_q - tokens).detach()).movedim(-1, 1), loss

        def decode_slices(self, latents: Tensor) -> Tensor:
            """(N, C, h, w) to (N, 3, 8h, 8w)."""
            return self.network.decoder(self.network.post_quant_conv(latents))

        def codes(self, latents: dict[str, Tensor]) -> Tensor:
            """(B, 1, tokens)."""
            tokens = latents["z"].movedim(1, -1).flatten(1, -2).float()
            return nearest(tokens.flatten(0, 1), self.projection(self.codebook)).view(len(tokens), 1, -1)

        def bits_per_position(self) -> float:
            """One word."""
            return math.log2(parameters.words)

        def units(self) -> list[nn.Module]:
            """Both halves."""
            return list(self.network.halves())

    return VQGAN()

"""VQGAN-LC (Zhu et al. 2024), slice by slice: a large frozen codebook of which a projection alone is trained."""

import math
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from neuroquant.config.base import Count, Layers, NonNegative, Settings
from neuroquant.models import grid
from neuroquant.models.spec import ModelSpec

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
    axis: int = Field(2, ge=0, le=2, description="axis that is sliced: 2 is axial")
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
    renamed = {}
    for name, tensor in state.items():
        first = name.split(".")[0]
        if name in OURS:
            renamed[OURS[name]] = tensor
        elif first in OURS:
            renamed[name.replace(first, OURS[first], 1)] = tensor
        elif not name.startswith(UNUSED):
            renamed[f"network.{name}"] = tensor
    return renamed


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "SlicewiseAutoencoder":
    """A freshly initialised network; its codebook is zero until `prepare`, or until weights are loaded."""
    from neuroquant.models.baselines.vqgan.network import VQGAN

    return VQGAN(parameters)


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=latent_shapes,
    published_state=published_state,
    bits=bits,
)

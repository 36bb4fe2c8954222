"""MedITok (Ma et al. 2025), slice by slice: a ViTamin encoder, eight small codebooks, a ViTamin decoder."""

import math
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from neuroquant.config.base import Count, Layers, NonNegative, Settings
from neuroquant.models import grid
from neuroquant.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

    from neuroquant.models.slicewise import SlicewiseAutoencoder

FACTOR = 16
"""Side reduction of each slice."""


class Parameters(Settings):
    """Sizes; the defaults are the authors' (696.6 M parameters): ViTamin-L, 8 codebooks of 4096 words of 8 numbers."""

    widths: tuple[Count, Count, Count] = Field((160, 320, 1024), description="channels of the stages; the last: tokens")
    depths: tuple[Layers, Layers] = Field((2, 4), description="blocks of the convolutional stages")
    blocks: Layers = Field(31, description="transformer blocks of the encoder, and of the decoder")
    heads: Count = Field(16, description="attention heads")
    codebooks: Count = Field(8, description="codebooks, each for its part of the latent's channels")
    words: Count = Field(4096, description="words of each codebook")
    latent_channels: Count = Field(64, description="channels of the latent")
    align: Count = Field(768, description="width of the authors' alignment with text, unused here but in their file")
    commitment: NonNegative = Field(0.25, description="weight of the term that pulls latents to words")
    side: int = Field(
        256,
        ge=0,
        multiple_of=16,
        description="slices are padded to squares of this side, at which it was trained; 0: not",
    )
    axis: int = Field(2, ge=0, le=2, description="axis that is sliced: 2 is axial")
    chunk: Count = Field(8, description="slices a call when encoding whole volumes")

    @model_validator(mode="after")
    def _parts_fit(self) -> "Parameters":
        if self.latent_channels % self.codebooks:
            raise ValueError(f"latent_channels must be a multiple of codebooks = {self.codebooks}")
        if self.widths[2] % self.heads or self.widths[2] % self.latent_channels:
            raise ValueError(f"the last width, {self.widths[2]}, must be a multiple of heads and of latent_channels")
        return self


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """Latents of a volume of `shape`: name -> (C, d, h, w)."""
    return {"z": (parameters.latent_channels, *grid.of_slices(shape, FACTOR, parameters.axis))}


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """A word of each codebook a position."""
    positions = math.prod(grid.of_slices(shape, FACTOR, parameters.axis))
    return positions * parameters.codebooks * math.log2(parameters.words)


def published_state(state: dict[str, Any]) -> dict[str, "Tensor"]:
    """The network's tensors in the authors' file, under our names."""
    state = state.get("model", state.get("state_dict", state))
    return {("vectors." + n[10:] if n.startswith("quantizer.") else n): tensor for n, tensor in state.items()}


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "SlicewiseAutoencoder":
    """A freshly initialised network."""
    from neuroquant.models.baselines.meditok.network import MedITok

    return MedITok(parameters)


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=latent_shapes,
    published_state=published_state,
    bits=bits,
)

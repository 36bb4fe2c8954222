"""NeuroQuant (arXiv:2604.05171, section 3): the parameters and the way to build it. Torch is imported in `build`."""

from math import log2, prod
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from neuroquant.config.base import Count, Fraction, NonNegative, Settings
from neuroquant.models import grid

if TYPE_CHECKING:
    from neuroquant.models.neuroquant.model import NeuroQuant


FACTOR = 16
"""Side reduction: four blocks of stride 2."""


class Parameters(Settings):
    """Sizes and switches. What the paper doesn't state carries its reason."""

    channels: tuple[Count, Count, Count, Count] = Field(
        (32, 64, 128, 256), description="channels of the four blocks; the paper states the last, 256; doubling is usual"
    )
    attention: bool = Field(True, description="FMA, factorised multi-axis attention (section 3.2)")
    attention_blocks: tuple[Literal[1, 2, 3, 4], ...] = Field(
        (1, 2, 3, 4), description="blocks with attention; the paper has it in all four"
    )
    encoder_halves: Literal["first", "last"] = Field(
        "first",
        description="whether a block of the encoder halves its map before or behind its convolution and attention; the "
        "paper leaves it open; behind costs about eight times as much",
    )
    heads: Count = Field(4, description="attention heads; not stated; 8 channels a head at the first block")
    norm: Literal["group", "layer"] = Field(
        "layer",
        description="layer: per voxel, as the paper's words have it, with which a slice gets exactly the latent of a "
        "long stack of its copies; group: over space, which bears high learning rates without a warm-up",
    )
    plane_attention: Literal["off", "self"] = Field(
        "off", description="attention along a slice's normal in 2D: off as in the paper, or to its own token alone"
    )
    film: bool = Field(True, description="M-FiLM, the modality stream that modulates the decoder (section 3.3.2)")
    codebook_size: Count = Field(4096, description="K_a; not stated; the released configuration")
    code_dim: Count = Field(64, description="C_a; not stated; the released configuration")
    c_m: Count = Field(32, description="C_m, channels of z_mod; not stated; the released configuration")
    c_s: Count = Field(32, description="C_s, length of the modality embedding s_m; not stated; as released")
    film_hidden: Count = Field(256, description="hidden width of the FiLM MLPs; not stated; as released")
    classifier_hidden: Count = Field(128, description="width of D_m, which guesses the modality; not stated; 2 C_a")
    head_channels: Count = Field(16, description="channels of the one full-resolution layer before the output")
    output_kernel: Literal[1, 3] = Field(
        3, description="side of the last convolution's kernel; 1 costs far less on CPUs"
    )
    commitment: NonNegative = Field(0.25, description="beta of equation 7; not stated; as released")
    ema_decay: Fraction = Field(0.99, description="decay of the codebook's moving averages; not stated; as released")
    dead_below: NonNegative = Field(0.01, description="a code whose average count a step is lower is revived")
    reservoir: Count = Field(4096, description="recent tokens kept to start and revive codes from")
    kmeans_rounds: Count = Field(10, description="rounds of k-means at that start; more move the centres little")
    start_after: int = Field(
        500, ge=0, description="steps before the codebook starts, from k-means; till then latents pass unquantised"
    )

    @model_validator(mode="after")
    def _heads_fit(self) -> "Parameters":
        bad = [width for width in self.channels if width % self.heads]
        if self.attention and bad:
            raise ValueError(f"channels must be multiples of heads = {self.heads}; {bad[0]} isn't")
        return self


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """Latents of a volume of `shape`: name -> (C, d, h, w)."""
    channels = {"z_anat": parameters.code_dim, "z_q": parameters.code_dim, "indices": 1}
    channels |= {"z_mod": parameters.c_m} if parameters.film else {}
    return {name: (number, *grid.of_volume(shape, FACTOR)) for name, number in channels.items()}


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """An index a token, and as float32 the pooled z_mod, which the decoder needs too."""
    shapes = latent_shapes(parameters, shape)
    pooled = 32 * shapes["z_mod"][0] if "z_mod" in shapes else 0
    return prod(shapes["indices"]) * log2(parameters.codebook_size) + pooled


def build(parameters: Parameters) -> "NeuroQuant":
    """A freshly initialised network."""
    from neuroquant.models.neuroquant.model import NeuroQuant

    return NeuroQuant(parameters)

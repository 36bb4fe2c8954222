"""NeuroQuant (arXiv:2604.05171, section 3): the parameters and the way to build it. Torch is imported in `build`."""

from math import log2, prod
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from neuroquant.config.base import Count, Fraction, Layers, NonNegative, Settings
from neuroquant.models import grid
from neuroquant.models.neuroquant.quantization import Quantization, is_default
from neuroquant.models.spec import ModelSpec

if TYPE_CHECKING:
    from neuroquant.models.neuroquant.model import NeuroQuant


class Parameters(Settings):
    """Sizes and switches. What the paper doesn't state carries its reason."""

    channels: tuple[Count, ...] = Field(
        (32, 64, 128, 256),
        min_length=2,
        max_length=5,
        description="channels of the blocks, 2 to 5 of them, each of which halves every side: n blocks compress 2^n "
        "times; the paper has four and states the last, 256; doubling is usual",
    )
    attention: bool = Field(True, description="FMA, factorised multi-axis attention (section 3.2)")
    attention_blocks: tuple[Count, ...] | None = Field(
        None, description="blocks with attention, from 1 at the finest resolution; null: all, as in the paper"
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
    codebook_size: Count = Field(
        4096, description="K_a, codes that a token can have; not stated; the released configuration"
    )
    quantizer: Quantization = Field(
        Quantization(),
        exclude_if=is_default,
        description="how a token becomes one of codebook_size codes; the paper's is kind: ema",
    )
    code_dim: Count = Field(64, description="C_a; not stated; the released configuration")
    c_m: Count = Field(32, description="C_m, channels of z_mod; not stated; the released configuration")
    c_s: Count = Field(32, description="C_s, length of the modality embedding s_m; not stated; as released")
    film_hidden: Count = Field(256, description="hidden width of the FiLM MLPs; not stated; as released")
    film_trunk: bool = Field(
        False, description="modulate the trunk of each decoder block, too, not its residual branch alone; not stated"
    )
    classifier_hidden: Count = Field(128, description="width of D_m, which guesses the modality; not stated; 2 C_a")
    classifier_layers: Layers = Field(1, description="layers of D_m before its output; not stated")
    classifier_view: Literal["pooled", "tokens", "both"] = Field(
        "pooled", description="what D_m guesses from: the mean over z_anat, each of its tokens, or both; not stated"
    )
    adversary_ramp: int = Field(
        0, ge=0, description="steps on volumes over which the reversed gradient grows to its weight; not stated"
    )
    head_channels: Count = Field(16, description="channels of the one full-resolution layer before the output")
    output_kernel: Literal[1, 3] = Field(
        3, description="side of the last convolution's kernel; 1 costs far less on CPUs"
    )
    commitment: NonNegative = Field(0.25, description="beta of equation 7; not stated; as released")
    ema_decay: Fraction = Field(0.99, description="decay of the codebook's moving averages; not stated; as released")
    dead_below: Fraction = Field(
        0.03, description="a code that is used less than this share of the mean code's use is revived"
    )
    reservoir: int = Field(
        0, ge=0, description="recent tokens, of 4 steps or more, kept to start and revive codes from; 0: 8 per code"
    )
    kmeans_rounds: Count = Field(10, description="rounds of k-means at that start; more move the centres little")
    start_after: int = Field(
        1000,
        ge=0,
        description="steps before the codebook starts, from k-means; until then latents pass unquantised. The learning "
        "rate warms up once more from there, over the steps of the phase's `warmup`",
    )

    @property
    def factor(self) -> int:
        """Side reduction."""
        return 2 ** len(self.channels)

    @property
    def codebooks(self) -> tuple[int, int]:
        """Codes of each codebook, and how many codebooks there are."""
        return self.quantizer.shared_out(self.codebook_size)

    @model_validator(mode="after")
    def _codes_can_be_shared_out(self) -> "Parameters":
        self.quantizer.shared_out(self.codebook_size)
        return self

    @model_validator(mode="after")
    def _attention_blocks_exist(self) -> "Parameters":
        bad = [block for block in self.attention_blocks or () if block > len(self.channels)]
        if bad:
            raise ValueError(f"attention_blocks names block {bad[0]}, but channels has {len(self.channels)} entries")
        return self

    @model_validator(mode="after")
    def _heads_fit(self) -> "Parameters":
        bad = [width for width in self.channels if width % self.heads]
        if self.attention and bad:
            raise ValueError(f"channels must be multiples of heads = {self.heads}; {bad[0]} isn't")
        return self


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """Latents of a volume of `shape`: name -> (C, d, h, w)."""
    channels = {"z_anat": parameters.code_dim, "z_q": parameters.code_dim, "indices": parameters.codebooks[1]}
    channels |= {"z_mod": parameters.c_m} if parameters.film else {}
    return {name: (number, *grid.of_volume(shape, parameters.factor)) for name, number in channels.items()}


def divisor(parameters: Parameters) -> int:
    """What the sides of volumes must be multiples of."""
    return parameters.factor


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """The indices of every token, and as float32 the pooled z_mod, which the decoder needs too."""
    shapes = latent_shapes(parameters, shape)
    pooled = 32 * shapes["z_mod"][0] if "z_mod" in shapes else 0
    return prod(shapes["indices"]) * log2(parameters.codebooks[0]) + pooled


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "NeuroQuant":
    """A freshly initialised network; with the modality stream one that swaps appearances."""
    from neuroquant.models.neuroquant.model import NeuroQuant, SwappingNeuroQuant

    return (SwappingNeuroQuant if parameters.film else NeuroQuant)(parameters, len(modalities))


def start_after(parameters: Parameters) -> int | None:
    """Steps on volumes before the codebook starts; None where nothing starts late."""
    return parameters.start_after if parameters.quantizer.starts_late else None


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=latent_shapes,
    divisor=divisor,
    bits=bits,
    whole_numbers=("indices",),
    start_after=start_after,
)

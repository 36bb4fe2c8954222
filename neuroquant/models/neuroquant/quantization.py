"""Which quantiser turns tokens into codes, as a setting: every kind spends log2 of `codebook_size` bits per token."""

from math import prod
from typing import Annotated, Literal

from pydantic import Field, model_validator

from neuroquant.config.base import Settings

Levels = Annotated[int, Field(ge=3, le=256)]
"""Values of one rounded number; two would need other bounds than those of FSQ."""
BITS_PER_LEVEL = 3
"""Bits of a rounded number at most, where the levels follow from the codebook's size: 8 levels."""


MOST = 2**20
"""Largest codebook_size of a kind without a table of so many codes: the log counts the use of each."""


class Quantization(Settings):
    """The kind of quantiser and what that kind alone has. `codebook_size` sets the bits per token of all of them."""

    kind: Literal["ema", "fsq", "simvq", "residual"] = Field(
        "ema",
        description="ema: one codebook of moving averages, the paper's; fsq: a few numbers per token, each rounded to "
        "one of its levels (Mentzer et al. 2023); simvq: frozen random codes behind a trained linear layer (Zhu et al. "
        "2024); residual: stages of smaller codebooks of moving averages, each for what the stages before left (Lee et "
        "al. 2022). fsq and simvq quantise from the first step: start_after, ema_decay, dead_below, reservoir and "
        "kmeans_rounds are for the other two",
    )
    rotation: bool = Field(
        False,
        description="the rotation trick (Fifty et al. 2024): the gradient reaches a token turned and scaled as its "
        "code is against it, instead of as it is; for all kinds but fsq, which has no codes to turn to",
    )
    levels: tuple[Levels, ...] = Field(
        (),
        description="fsq: values of each rounded number; their product must be codebook_size. Empty: of a "
        "codebook_size that is a power of two, as few numbers of at most 8 levels as give it (4096: 8, 8, 8, 8)",
    )
    stages: int | None = Field(
        None,
        ge=2,
        le=32,
        description="residual: number of stages; codebook_size must be a number to this power, e.g. 64 codes in each "
        "of 2 stages for 4096; null: 2",
    )

    @model_validator(mode="after")
    def _keys_belong_to_the_kind(self) -> "Quantization":
        if self.levels and self.kind != "fsq":
            raise ValueError(f"quantizer.levels are for kind: fsq; with kind: {self.kind} remove them")
        if self.stages is not None and self.kind != "residual":
            raise ValueError(f"quantizer.stages are for kind: residual; with kind: {self.kind} remove them")
        if self.rotation and self.kind == "fsq":
            raise ValueError("quantizer.rotation must be false with kind: fsq, which rounds numbers and has no codes")
        return self

    @property
    def starts_late(self) -> bool:
        """Whether codes are made of tokens, once the encoder has learned something."""
        return self.kind in ("ema", "residual")

    def shared_out(self, codebook_size: int) -> tuple[int, int]:
        """Codes of each codebook, and how many codebooks there are; together `codebook_size` codes per token.

        Raises
        ------
        ValueError
            If that can't be, naming the key.
        """
        if self.kind in ("fsq", "residual") and codebook_size > MOST:
            raise ValueError(
                f"quantizer.kind: {self.kind} takes a codebook_size of at most {MOST}, because the use of every code "
                f"is counted; {codebook_size} is more"
            )
        if self.kind == "fsq":
            self.level_counts(codebook_size)
        if self.kind != "residual":
            return codebook_size, 1
        stages = self.stages or 2
        size = round(codebook_size ** (1 / stages))
        if size < 2 or size**stages != codebook_size:
            raise ValueError(
                f"quantizer.stages: {stages} stages of equal size have a codebook_size that is a whole number to the "
                f"power of {stages}, of 2 or more; {codebook_size} isn't one, {max(size, 2) ** stages} is"
            )
        return size, stages

    def level_counts(self, codebook_size: int) -> tuple[int, ...]:
        """Levels of every rounded number of FSQ, as given or derived.

        Raises
        ------
        ValueError
            If their product isn't `codebook_size`, or none can be derived.
        """
        if self.levels:
            if prod(self.levels) != codebook_size:
                raise ValueError(
                    f"quantizer.levels must multiply to codebook_size = {codebook_size}; {list(self.levels)} give "
                    f"{prod(self.levels)}"
                )
            return self.levels
        bits = codebook_size.bit_length() - 1
        if codebook_size != 2**bits or bits < 2:
            raise ValueError(
                "quantizer.levels must be given where codebook_size is no power of two from 4 on; "
                f"{codebook_size} isn't"
            )
        numbers = -(-bits // BITS_PER_LEVEL)
        least, more = divmod(bits, numbers)
        return (2 ** (least + 1),) * more + (2**least,) * (numbers - more)


def is_default(quantizer: Quantization) -> bool:
    """Whether it is the paper's, which files leave out: older versions then read them, and none changes a hash."""
    return quantizer == Quantization()

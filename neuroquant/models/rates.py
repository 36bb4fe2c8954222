"""The rate of a classical codec, which its user states; for planning, without torch."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from neuroquant.config.base import Settings
from neuroquant.models.grid import Shape

MATCH = "match"
"""A rate that is the full model's, once an experiment says which model that is."""
LEAST, MOST = 0.1, 100_000.0
"""Kbit per volume that may be asked for."""


def _rate(value: Any) -> Any:
    """`match`, or a number of kbit; in one sentence, which pydantic's of a union isn't."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value == MATCH or (number and LEAST <= value <= MOST):
        return value
    raise ValueError(f"`{MATCH}`, or kbit per volume from {LEAST:g} to {MOST:,.0f}")


Rate = Annotated[Literal["match"] | float, BeforeValidator(_rate)]


class Rated(Settings):
    """What every codec is told."""

    kbit: Rate = Field(
        MATCH,
        description="kbit per volume at most; match: as many as the full model (the first of figure4.models) takes",
    )


def most_bytes(kbit: Literal["match"] | float) -> int:
    """Bytes that one volume may take.

    Raises
    ------
    ValueError
        If the rate is that of a model that isn't known.

    Examples
    --------
    >>> most_bytes(12.688)
    1586
    """
    if kbit == MATCH:
        raise ValueError("kbit: match is the rate of an experiment's full model; without one it must be a number")
    return int(kbit * 1000 / 8 + 1e-6)


def bits(parameters: Rated, shape: Shape) -> float | None:
    """What a volume may take; None as long as that follows from another model."""
    return None if parameters.kbit == MATCH else 8.0 * most_bytes(parameters.kbit)


def within(parameters: Rated, limit: float) -> Rated:
    """With the full model's bits, where they are asked for; a rate that is stated stays."""
    if parameters.kbit != MATCH or not LEAST <= limit / 1000 <= MOST:
        return parameters
    return parameters.model_copy(update={"kbit": limit / 1000})


def latent_shapes(parameters: Rated, shape: Shape) -> dict[str, tuple[int, ...]]:
    """One latent, the bytes of the code: name -> (C, d, h, w)."""
    return {"packed": (1, 1, 1, most_bytes(parameters.kbit))}

"""How the test scans are spoiled to see what the models make of it."""

from typing import Literal, get_args

from pydantic import Field, field_validator

from neuroquant.config.base import Count, Seed, Settings

Fault = Literal["bias_field", "noise", "ghosting", "rotation", "missing_slices"]
FAULTS: tuple[Fault, ...] = get_args(Fault)


class Robustness(Settings):
    """Reconstructions of spoiled test scans."""

    faults: tuple[Fault, ...] = Field(
        (),
        description="faults that the test scans are given, each alone: bias_field (polynomial, coefficients up to "
        "0.5), noise (standard deviation up to 10 percent of the range), ghosting (up to half of the signal), rotation "
        "(up to 10 degrees), missing_slices (up to a quarter of the slices); empty: off",
    )
    severities: Count = Field(3, description="steps from the unspoiled scan to a fault's full strength")
    sessions: Count = Field(8, description="test sessions of each shard at most")
    seed: Seed = Field(0, description="seed of the faults: every model gets the same scans")

    @field_validator("faults")
    @classmethod
    def _each_once(cls, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
        twice = [fault for fault in faults if faults.count(fault) > 1]
        if twice:
            raise ValueError(f"each fault once; {twice[0]} stands twice")
        return faults

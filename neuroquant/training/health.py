"""When to stop: a loss that isn't a number, a codebook that has died. Each says what to try."""

import math
from typing import Any

from neuroquant.errors import InputError

ALONE = 1.5
"""Perplexity below which all tokens share about one code. 0 means that the codebook hasn't started."""
PATIENCE = 1000
"""Steps for which a codebook may stay like that."""


def check(name: str, rows: list[dict[str, Any]]) -> None:
    """Look at the log of a training after each row of it.

    Parameters
    ----------
    name : of the row that trains.
    rows : the log so far, each with step, mode, loss, grad_norm, and perplexity where there is a codebook.

    Raises
    ------
    InputError
        If loss or gradient isn't finite, or the codebook has had one code in use for 1000 steps on volumes.
    """
    last = rows[-1]
    if not (math.isfinite(last["loss"]) and math.isfinite(last["grad_norm"])):
        raise InputError(
            f"training of {name}, step {last['step']}",
            f"a loss of {last['loss']:g} with a gradient of {last['grad_norm']:g}",
            "finite numbers",
            "lower training.phases[].lr or training.grad_clip, or set training.precision: fp32; the checkpoint before "
            "this stays, but other settings start from step 0",
        )
    alone = steps_alone(rows)
    if alone >= PATIENCE:
        raise InputError(
            f"training of {name}, step {last['step']}",
            f"a codebook with a perplexity below {ALONE} for {alone} steps: every token gets the same code",
            "a perplexity that grows",
            "lower training.phases[].lr or parameters.commitment, or raise parameters.dead_below: idle codes are then "
            "revived sooner",
        )


def steps_alone(rows: list[dict[str, Any]]) -> int:
    """Steps since the codebook last had more than about one code in use; slices don't update it and don't count."""
    volumes = [row for row in rows if row["mode"] == "3d"]
    if not volumes or rows[-1]["mode"] != "3d":
        return 0
    for row in reversed(volumes):
        if not 0 < row.get("perplexity", 0.0) < ALONE:
            return volumes[-1]["step"] - row["step"]
    return volumes[-1]["step"] - volumes[0]["step"]

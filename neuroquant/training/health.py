"""When to stop a training of any model: a loss that isn't a number. The error says what to try."""

import math
from typing import Any

from neuroquant.errors import InputError


def check(name: str, rows: list[dict[str, Any]]) -> None:
    """Look at the log of a training after each row of it.

    Parameters
    ----------
    name : of the model that trains.
    rows : the log so far, each with step, loss and grad_norm.

    Raises
    ------
    InputError
        If loss or gradient isn't finite.
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

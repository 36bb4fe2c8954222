"""Which phase a step belongs to, and its learning rate."""

import math
from collections.abc import Sequence

from neuroquant.config.model import Phase


def place(phases: Sequence[Phase], step: int) -> tuple[int, int]:
    """Number of the phase, and step inside it, of a step of the whole training."""
    for number, phase in enumerate(phases):
        if step < phase.steps:
            return number, step
        step -= phase.steps
    raise ValueError(f"step lies {step} beyond the schedule")


def total_steps(phases: Sequence[Phase]) -> int:
    """Steps of all phases."""
    return sum(phase.steps for phase in phases)


def learning_rate(phase: Phase, step: int) -> float:
    """Half a cosine from `lr` at step 0 to `lr_end` at the phase's last step."""
    share = step / max(phase.steps - 1, 1)
    return phase.lr_end + (phase.lr - phase.lr_end) * 0.5 * (1 + math.cos(math.pi * share))

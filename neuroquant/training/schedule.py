"""Length and learning rate of the phases (sections 3.5 and 4.1)."""

import math
from collections.abc import Sequence

from neuroquant.config.model import Phase


def total_steps(phases: Sequence[Phase]) -> int:
    """Steps of all phases."""
    return sum(phase.steps for phase in phases)


def learning_rate(phase: Phase, step: int, restart: int | None = None) -> float:
    """Half a cosine from `lr` at step 0 to `lr_end` at the phase's last step, times a line up over the warm-up.

    Parameters
    ----------
    restart : step from which the warm-up comes once more: where the codebook starts, and the decoder is given other
        latents than before.

    Examples
    --------
    >>> phase = Phase(steps=101, lr=1e-3, lr_end=1e-4, warmup=0)
    >>> [f"{learning_rate(phase, step):.2e}" for step in (0, 50, 100)]
    ['1.00e-03', '5.50e-04', '1.00e-04']
    """
    share = step / max(phase.steps - 1, 1)
    rise = warm(phase, step if restart is None or step < restart else min(step, step - restart))
    return rise * (phase.lr_end + (phase.lr - phase.lr_end) * 0.5 * (1 + math.cos(math.pi * share)))


def warm(phase: Phase, step: int) -> float:
    """Share of the learning rate that the warm-up allows at `step`: a line up to 1."""
    return min((step + 1) / (phase.warmup + 1), 1.0)

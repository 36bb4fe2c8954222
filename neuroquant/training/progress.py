"""What people see while a model trains: a line now and then, and `training.tsv`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from neuroquant.files import write_tsv
from neuroquant.training import health

BAR = 20
"""Characters of the progress bar."""


class Progress:
    """Collects the terms of the loss on the device; reads them at rows of the log, and for a line every few seconds.

    Parameters
    ----------
    name : of the model that trains.
    total : steps of the whole training.
    rows : rows of the log that an interrupted run left.
    table : where `training.tsv` is kept up to date; nowhere where None.
    show : what becomes of a line; standard error where None.
    """

    SECONDS = 5.0
    SHARE = 0.005
    """A line at most every 5 s, and later, every 0.5 % of the time gone by: a log of days stays readable."""

    def __init__(
        self,
        name: str,
        total: int,
        rows: list[dict[str, Any]],
        table: Path | None,
        show: Callable[[str], None] | None = None,
    ):
        self.name, self.total, self.rows, self.table = name, total, rows, table
        self._show = show or (lambda line: print(line, file=sys.stderr, flush=True))
        self._sums: dict[str, Tensor] = {}
        self._seen: dict[str, int] = {}
        self._norm: Tensor | float = 0.0
        self._count, self._busy = 0, 0.0
        self._begin = self._mark = self._shown = time.monotonic()
        self._written = 0.0
        self.enter(0, "", 0, 0, 0)

    def enter(self, number: int, mode: str, phases: int, left: int, done: int) -> None:
        """Begin phase `number` (from 0) of `phases`, of which `left` steps are to do after `done` of all."""
        self._phase, self._mode, self._phases = number + 1, mode, phases
        self._end, self._phase_steps, self._phase_busy = done + left, 0, 0.0

    def add(self, step: int, terms: dict[str, Tensor], norm: Tensor) -> None:
        """Take in the terms of the loss and the gradient's norm of the step that is now the `step`-th."""
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach()
            self._seen[name] = self._seen.get(name, 0) + 1
        self._norm = self._norm + norm.detach()
        self._count += 1
        now = time.monotonic()
        spent, self._mark = now - self._mark, now
        self._busy, self._phase_busy, self._phase_steps = (
            self._busy + spent,
            self._phase_busy + spent,
            1 + self._phase_steps,
        )
        if step == self.total or now - self._shown > max(self.SECONDS, self.SHARE * (now - self._begin)):
            self._shown = now
            self._show(self._line(step))

    def row(self, step: int, lr: float, extra: dict[str, float]) -> dict[str, Any]:
        """Close a row of the log, means since the last one, and return it.

        A term is averaged over the steps that had it, and a row of steps without it leaves its cell empty; the loss is
        the mean over all steps.

        Raises
        ------
        InputError
            If the loss isn't a number any more.
        """
        terms, norm = self._means(), float(self._norm) / self._count
        self.rows.append(
            {"step": step, "phase": self._phase, "mode": self._mode, "loss": self._loss(), **terms}
            | {"grad_norm": norm, "lr": lr, "seconds": self._busy / self._count, **extra}
        )
        self._sums, self._seen, self._norm, self._count, self._busy = {}, {}, 0.0, 0, 0.0
        if time.monotonic() - self._written > self.SECONDS:
            self.write()
        health.check(self.name, self.rows)
        return self.rows[-1]

    def ends_phase(self, step: int) -> bool:
        """Whether a row is due after `step` because its phase ends: no row mixes the terms of two phases."""
        return step == self._end

    def pause_over(self) -> None:
        """What was done since the last step (scoring, saving) isn't time of the next one."""
        self._mark = time.monotonic()

    def seconds(self) -> float:
        """Time of all steps in the log, those before an interruption too; without scoring and saving."""
        before = [0, *(row["step"] for row in self.rows)]
        return sum(row["seconds"] * (row["step"] - last) for row, last in zip(self.rows, before, strict=False))

    def write(self) -> None:
        """Write the log as TSV."""
        self._written = time.monotonic()
        if self.table is not None:
            write_tsv(pd.DataFrame(self.rows, columns=None if self.rows else ["step"]), self.table)

    def _means(self) -> dict[str, float]:
        return {name: float(value) / self._seen[name] for name, value in self._sums.items()}

    def _loss(self) -> float:
        return sum(float(value) / self._count for value in self._sums.values())

    def _line(self, step: int) -> str:
        terms = self._means()
        parts = " ".join(f"{name} {value:.4f}" for name, value in terms.items())
        each = self._phase_busy / self._phase_steps
        minutes, seconds = divmod(round((self._end - step) * each), 60)
        pace = f"{1 / max(each, 1e-9):.2f} steps/s" if each < 1 else f"{each:.1f} s/step"
        return (
            f"{self.name} {bar(step, self.total)} step {step}/{self.total} ({self._mode})  "
            f"loss {self._loss():.4f}  [{parts}]  {pace}  "
            f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d} left in phase {self._phase}/{self._phases}"
        )


def bar(step: int, total: int) -> str:
    """As [#####---------------]  25 %."""
    filled = BAR * step // total
    return f"[{'#' * filled}{'-' * (BAR - filled)}] {100 * step // total:3d} %"

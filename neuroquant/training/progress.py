"""What people see while a model trains: a line now and then, and `training.tsv`."""

import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from neuroquant.errors import InputError
from neuroquant.files import write_tsv


class Progress:
    """Collects the terms of the loss without touching the device between two rows of the log.

    Parameters
    ----------
    name : of the row that trains.
    total : steps of the whole training.
    rows : rows of the log that an interrupted run left.
    """

    EVERY_SECONDS = 5.0

    def __init__(self, name: str, total: int, rows: list[dict[str, Any]], done: int):
        self.name, self.total, self.rows = name, total, rows
        self._sums: dict[str, Tensor] = {}
        self._count = 0
        self._first, self._begin = done, time.monotonic()
        self._row_begin, self._shown = self._begin, 0.0

    def add(self, terms: dict[str, Tensor]) -> None:
        """Take in one step's terms."""
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach()
        self._count += 1

    def row(self, step: int, mode: str, lr: float, extra: dict[str, float]) -> None:
        """Close a row of the log: means since the last one.

        Raises
        ------
        InputError
            If the loss isn't a number any more.
        """
        now = time.monotonic()
        terms = {name: float(value) / self._count for name, value in self._sums.items()}
        loss = sum(terms.values())
        seconds = (now - self._row_begin) / self._count
        self.rows.append({"step": step, "mode": mode, "loss": loss, **terms, "lr": lr, "seconds": seconds, **extra})
        self._sums, self._count, self._row_begin = {}, 0, now
        if loss != loss or loss in (float("inf"), float("-inf")):
            raise InputError(
                f"training of {self.name}, step {step}",
                "a loss that isn't a finite number",
                "a finite loss",
                "lower training.phases[].lr or training.grad_clip, or set training.precision: fp32; "
                "the last checkpoint is kept",
            )
        if now - self._shown > self.EVERY_SECONDS or step == self.total:
            self._shown = now
            self._line(step, mode, loss, terms)

    def _line(self, step: int, mode: str, loss: float, terms: dict[str, float]) -> None:
        rate = (step - self._first) / max(time.monotonic() - self._begin, 1e-9)
        left = (self.total - step) / max(rate, 1e-9)
        parts = " ".join(f"{name} {value:.4f}" for name, value in terms.items())
        print(
            f"{self.name}: step {step}/{self.total} ({mode})  loss {loss:.4f}  [{parts}]  {rate:.2f} steps/s  "
            f"{int(left // 60)}:{int(left % 60):02d} left",
            file=sys.stderr,
            flush=True,
        )

    def write(self, path: Path) -> None:
        """Write the log as TSV."""
        write_tsv(pd.DataFrame(self.rows), path)

"""What the parts of a run on a GPU share: sizes, JSON lines of results, a limit of time, and parts that fail alone."""

import gc
import json
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

SMALL = bool(os.environ.get("NEUROQUANT_GPU_SMALL"))
"""Small sizes, to try the run on a CPU."""
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SHAPE = (32, 48, 32) if SMALL else (144, 192, 144)
PAIRS, SLICES = (1, 4) if SMALL else (4, 128)


def card() -> dict[str, Any]:
    """What was measured on: card, date, versions."""
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else "no GPU"
    cudnn = torch.backends.cudnn.version() if DEVICE == "cuda" else None
    return {"card": name, "date": time.strftime("%Y-%m-%d"), "torch": torch.__version__, "cudnn": cudnn, "small": SMALL}


class Record:
    """A file of JSON lines, one for each result as soon as it is there.

    Parameters
    ----------
    path : of the file; its folder exists.
    limit_s : seconds after which no further part begins, and a part that still runs is stopped.
    """

    def __init__(self, path: Path, limit_s: float):
        self.path, self.end = path, time.monotonic() + limit_s
        self.say(**card())

    def say(self, **facts: Any) -> None:
        """Write and show one line."""
        line = json.dumps(facts)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)

    def part(
        self, name: str, measured: Callable[[], dict[str, Any]], least_s: float = 10.0, most_s: float = 60.0
    ) -> None:
        """Measure one part; an error costs this part only, and is written in its place.

        Parameters
        ----------
        least_s : seconds that must be left for it.
        most_s : seconds after which it is stopped, for the sake of the parts behind it.
        """
        left = self.end - time.monotonic()
        if left < least_s:
            self.say(part=name, skipped="no time left")
            return
        begin = time.monotonic()
        try:
            with stopped_after(min(left, most_s)):
                found = measured()
        except Exception as error:  # the parts behind this one are to be measured whatever it was
            traceback.print_exc()
            found = {"failed": f"{type(error).__name__}: {error}"[:300]}
        self.say(part=name, **found, took_s=round(time.monotonic() - begin, 1))
        gc.collect()
        if DEVICE == "cuda":
            torch.cuda.empty_cache()


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in the block after some seconds, as soon as Python runs: not within one call of a kernel."""

    def stop(*_: Any) -> None:
        raise TimeoutError(f"stopped after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def seconds_of(step: Callable[[], Any], repeats: int, warm_up: int = 2) -> dict[str, float]:
    """Mean seconds of a call after some that aren't counted, and the peak memory in GB on a GPU."""
    for _ in range(warm_up):
        step()
    wait()
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
    begin = time.perf_counter()
    for _ in range(repeats):
        step()
    wait()
    peak = round(torch.cuda.max_memory_allocated() / 1e9, 2) if DEVICE == "cuda" else None
    return {"s": round((time.perf_counter() - begin) / repeats, 5), "peak_gb": peak}


def wait() -> None:
    """Until the device has done all that it was asked for."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


@contextmanager
def setting(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute with another value inside the block."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)

"""What every job of the workflow needs around its one call: threads, a log, and a record of what went wrong."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from neuroquant.errors import InputError
from neuroquant.files import full_disk, no_room, write_json

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


class Tee:
    """Writes to a log file and, so that people can follow, to the terminal; a log on a full disk ends, the job doesn't.

    What the job itself can't write then ends it, with a sentence that must reach the terminal.
    """

    def __init__(self, log: TextIO, terminal: TextIO):
        self.log, self.terminal = log, terminal

    def write(self, text: str) -> int:
        """Write to both; a carriage return of a progress line becomes a line of its own in the log."""
        self.terminal.write(text)
        with suppress(OSError):
            self.log.write(text.replace("\r", "\n") if text != "\r" else "")
        return len(text)

    def flush(self) -> None:
        """Flush both."""
        self.terminal.flush()
        with suppress(OSError):
            self.log.flush()

    def isatty(self) -> bool:
        """Whether the terminal is one."""
        return self.terminal.isatty()


@contextmanager
def running(rule: str, wildcards: dict[str, str], log: str, threads: int, failures: str) -> Iterator[None]:
    """Run one job: fix its threads before numerical libraries load, log it, and record a failure for the last screen.

    Parameters
    ----------
    rule, wildcards : which job this is.
    log : file that receives all output.
    threads : threads that numerical libraries may use.
    failures : folder that receives one JSON file for a failed job.
    """
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    os.environ.setdefault("MPLBACKEND", "Agg")
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    job = "-".join([rule, *wildcards.values()])
    record = Path(failures) / f"{job}.json"
    record.unlink(missing_ok=True)
    streams = sys.stdout, sys.stderr
    file = open(log, "w", encoding="utf-8", buffering=1)  # noqa: SIM115 - closing it may fail on a full disk
    sys.stdout, sys.stderr = Tee(file, streams[1]), Tee(file, streams[1])
    try:
        yield
    except BaseException as raised:
        number = full_disk(raised)
        error = no_room(Path(log).parent, "what this job writes", number) if number else raised
        cause = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        if isinstance(error, InputError):
            print(cause, file=sys.stderr)
        else:
            traceback.print_exc()
        with suppress(InputError):  # the same full disk
            write_json(record, {"rule": rule, "wildcards": wildcards, "cause": cause, "log": log})
        raise SystemExit(1) from None
    finally:
        sys.stdout, sys.stderr = streams
        with suppress(OSError):
            file.close()

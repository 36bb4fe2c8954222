"""What every job of the workflow needs around its one call: threads, a log, and a record of what went wrong."""

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from neuroquant.errors import InputError
from neuroquant.files import full_disk, no_room, write_json

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
FAILURES = "failures"
"""Folder beside those of the rules' logs, with a JSON file for every job that failed."""


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


def named_paths(text: str) -> dict[str, Any]:
    """Files by name, as the function `named` of the rules wrote them: name -> path, or -> such a mapping in turn."""
    return {name: _paths(value) for name, value in json.loads(text).items()}


def images_by_model(text: str) -> tuple[list[Path], dict[str, list[Path]]]:
    """Test shards of one cohort, as the function `images_by_model` of the rules wrote them.

    Returns
    -------
    volumes : list of Path
        The originals.
    models : dict of str to list of Path
        Model -> its files of the same shards, in the same order.
    """
    files = named_paths(text)
    shards = files["volumes"]
    return list(shards.values()), {model: [mine[shard] for shard in shards] for model, mine in files["models"].items()}


def _paths(value: str | dict[str, Any]) -> Path | dict[str, Any]:
    return Path(value) if isinstance(value, str) else {name: _paths(below) for name, below in value.items()}


class SnakemakeJob(Protocol):
    """What `running` reads of the object `snakemake` that Snakemake gives to a script."""

    rule: str
    wildcards: Any
    log: Any
    threads: int


@dataclass(frozen=True, slots=True)
class Job:
    """Which job this is, and where it reports.

    Attributes
    ----------
    rule, wildcards
        Name of the rule, and its wildcards' values.
    log : Path
        File that receives all output.
    threads : int
        Threads that numerical libraries may use.
    """

    rule: str
    wildcards: dict[str, str]
    log: Path
    threads: int

    @property
    def record(self) -> Path:
        """The file that receives the cause of a failure, for the last screen: below the folder of all logs."""
        return self.log.parents[1] / FAILURES / f"{'-'.join([self.rule, *self.wildcards.values()])}.json"


@contextmanager
def running(snakemake: SnakemakeJob) -> Iterator[None]:
    """Run one job: set its threads before numerical libraries load, log it, and record a failure for the last screen.

    Parameters
    ----------
    snakemake
        The object that Snakemake gives to a script. Its log lies at `logs/<rule>/<wildcards>.log`.
    """
    job = Job(snakemake.rule, dict(snakemake.wildcards), Path(snakemake.log[0]), snakemake.threads)
    for name in THREAD_VARIABLES:
        os.environ[name] = str(job.threads)
    os.environ.setdefault("MPLBACKEND", "Agg")
    job.log.parent.mkdir(parents=True, exist_ok=True)
    job.record.unlink(missing_ok=True)
    streams = sys.stdout, sys.stderr
    file = open(job.log, "w", encoding="utf-8", buffering=1)  # noqa: SIM115 - closing it may fail on a full disk
    sys.stdout, sys.stderr = Tee(file, streams[1]), Tee(file, streams[1])
    try:
        yield
    except BaseException as raised:
        _record_failure(job, raised)
        raise SystemExit(1) from None
    finally:
        sys.stdout, sys.stderr = streams
        with suppress(OSError):
            file.close()


def _record_failure(job: Job, raised: BaseException) -> None:
    """Print why a job failed, and write it down for the last screen."""
    number = full_disk(raised)
    error = no_room(job.log.parent, "what this job writes", number) if number else raised
    cause = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    if isinstance(error, InputError):
        print(cause, file=sys.stderr)
    else:
        traceback.print_exception(raised)
    facts = {"rule": job.rule, "wildcards": job.wildcards, "cause": cause, "log": str(job.log)}
    with suppress(InputError):  # the same full disk
        write_json(job.record, facts)

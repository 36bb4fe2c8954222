"""One training from one JSON file: `torchrun --nproc-per-node 2 -m neuroquant.training job.json`.

The file holds what `run.train` takes, with the row and the volume as the workflow resolves them. Without torchrun, one
process trains. Stopped by a signal, the same command goes on from the last step.
"""

import sys
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from neuroquant.config.base import Count, Settings
from neuroquant.config.model import ModelRow
from neuroquant.config.volume import Volume
from neuroquant.device import resolve_device
from neuroquant.errors import InputError
from neuroquant.training.distributed import joined
from neuroquant.training.run import train


class JobFile(Settings):
    """What the JSON file holds: the arguments of `run.train`."""

    row: ModelRow
    volume: Volume
    train_shards: tuple[Path, ...]
    val_shards: tuple[Path, ...] = ()
    folder: Path
    checkpoints: Path
    pictures: Path | None = None
    device: str = Field("auto", pattern="^(auto|cpu|cuda)$")
    threads: Count = 1
    provenance: dict[str, Any] = {}


def read_job(path: Path) -> JobFile:
    """The job of a JSON file.

    Raises
    ------
    InputError
        If there is no such file, or it isn't a job.
    """
    try:
        return JobFile.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(path), f"no readable file ({error.strerror})", "a JSON file", "correct the path") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise InputError(f"{path}: {place}", first["msg"], "what run.train takes", "correct the file") from None


def main(arguments: list[str]) -> None:
    """Train what the file says, on all processes that torchrun has started."""
    if len(arguments) != 1:
        raise SystemExit("usage: [torchrun --nproc-per-node N -m | python -m] neuroquant.training job.json")
    try:
        job = read_job(Path(arguments[0]))
        device = resolve_device(job.device)
        with joined(device) as world:
            values = {name: getattr(job, name) for name in JobFile.model_fields}
            lists = {name: list(values[name]) for name in ("train_shards", "val_shards")}
            train(**values | lists | {"device": device, "world": world})
    except InputError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])

"""What one training needs, as a JSON file that several processes can read."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from neuroquant.config.base import Count, Settings
from neuroquant.config.model import ModelRow
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError


class JobFile(Settings):
    """The arguments of `run.train`; `threads` are those of each process."""

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

    def arguments(self) -> dict[str, Any]:
        """What `run.train` is called with."""
        values = {name: getattr(self, name) for name in JobFile.model_fields}
        return values | {name: list(values[name]) for name in ("train_shards", "val_shards")}


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


def failure_of(path: Path) -> Path:
    """Where the processes of a job file leave what a user must read when they fail."""
    return path.with_suffix(".failure.json")

"""What one training needs, as a JSON file that several processes can read."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from neuroquant.config.base import Count, Settings
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError


class JobFile(Settings):
    """One training: what is trained, on what, and where its results go."""

    model: ModelEntry
    volume: Volume
    train_shards: tuple[Path, ...] = Field(description="volume shards of all cohorts")
    val_shards: tuple[Path, ...] = Field((), description="shards of sessions that are only watched")
    folder: Path = Field(description="receives model.safetensors, config.json, training.tsv and provenance.json")
    checkpoints: Path = Field(description="where the state is kept between runs; never deleted by a failing job")
    pictures: Path | None = Field(None, description="receives TensorBoard's files and pictures of reconstructions")
    device: str = Field("auto", pattern="^(auto|cpu|cuda)$")
    threads: Count = Field(1, description="of each process")
    provenance: dict[str, Any] = Field({}, description="facts for provenance.json that training doesn't know itself")


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
        key = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise InputError(f"{path}: {key}", first["msg"], "what run.train takes", "correct the file") from None


def failure_of(path: Path) -> Path:
    """Where the processes of a job file leave what a user must read when they fail."""
    return path.with_suffix(".failure.json")

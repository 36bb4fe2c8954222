"""What a training run is made of, so that a checkpoint is only taken up by the run that it belongs to."""

from pathlib import Path
from statistics import median
from typing import Any

from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.sources import PACKAGE, code_hash
from neuroquant.store.arrays import ArrayFile
from neuroquant.store.digest import digest, shard_digest

SHOWN_ONLY = {"name", "label", "published_as", "ablation_of", "latent"}
"""Settings of a model that change no weight."""
WATCHED_ONLY = {"log_every", "checkpoint_every", "pictures_every", "val_sessions"}
ROUNDED_ONLY = {"compile", "accumulate", "recompute"}
"""Settings of a training or a phase that change how a step is computed, and by that the weights by no more than
rounding."""


def identity(entry: ModelEntry, volume: Volume, shards: list[Path]) -> dict[str, Any]:
    """Everything that decides the weights: settings, training data, code. JSON-ready, without paths or subjects."""
    settings = entry.model_dump(mode="json", exclude=SHOWN_ONLY)
    training = settings["training"]
    for part in (training, *training["phases"]):
        for name in WATCHED_ONLY | ROUNDED_ONLY:
            part.pop(name, None)
    return {
        "model": settings,
        "volume": volume.model_dump(mode="json"),
        "data": digest([shard_digest(path) for path in sorted(shards)]),
        "code": code_digest(entry.architecture),
    }


def code_digest(architecture: str) -> str:
    """Fingerprint of the code that decides the weights: training's, and that of the architecture alone."""
    path = PACKAGE.joinpath("models", *architecture.split("."))
    return code_hash(PACKAGE / "training/run.py", path if path.is_dir() else path.with_suffix(".py"))


def voxel_side(shards: list[Path]) -> float | None:
    """Side in mm of a cube as large as a voxel of the training images: the median of the shards; None of none."""
    sides = [side for path in shards if (side := ArrayFile(path).attributes.get("voxel_mm"))]
    return float(median(sides)) if sides else None

"""What a training run is made of, so that a checkpoint is only taken up by the run that it belongs to."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from neuroquant.config.model import ModelRow
from neuroquant.config.volume import Volume
from neuroquant.sources import PACKAGE, code_hash
from neuroquant.volumes.store import ArrayFile

SHOWN_ONLY = {"name", "label", "published_as", "latent"}
"""Settings of a row that change no weight."""
WATCHED_ONLY = {"log_every", "checkpoint_every", "pictures_every", "val_sessions"}
ROUNDED_ONLY = {"compile", "accumulate", "recompute"}
"""Settings of a training or a phase that change how a step is computed, and by that the weights by no more than
rounding."""


def identity(row: ModelRow, volume: Volume, shards: list[Path]) -> dict[str, Any]:
    """Everything that decides the weights: settings, training data, code. JSON-ready, without paths or subjects."""
    settings = row.model_dump(mode="json", exclude=SHOWN_ONLY)
    training = settings["training"]
    for part in (training, *training["phases"]):
        for name in WATCHED_ONLY | ROUNDED_ONLY:
            part.pop(name, None)
    return {
        "row": settings,
        "volume": volume.model_dump(mode="json"),
        "data": digest([shard_digest(path) for path in sorted(shards)]),
        "code": code_digest(row.architecture),
    }


def digest(value: Any) -> str:
    """SHA-256 of a JSON-ready value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def shard_digest(path: Path) -> str:
    """Fingerprint of a shard: whose images it holds, how each was cut out, and three slices of each.

    Reading all of 20,000 sessions would take longer than an interruption; preprocessing acts on whole scans, so that
    a change shows in every slice.
    """
    file = ArrayFile(path)
    images = np.asarray(file.view("image"))
    found = hashlib.sha256(digest([record.to_json() for record in file.records]).encode())
    for image in images:
        for quarter in (1, 2, 3):
            found.update(np.ascontiguousarray(image[len(image) * quarter // 4]))
    return found.hexdigest()


def code_digest(architecture: str) -> str:
    """Fingerprint of the code that decides the weights: training's, and that of the architecture alone."""
    path = PACKAGE.joinpath("models", *architecture.split("."))
    return code_hash(PACKAGE / "training/run.py", path if path.is_dir() else path.with_suffix(".py"))


def differences(old: Any, new: Any, key: str = "") -> list[str]:
    """What differs between two JSON-ready values, one line a place: `row.objective.l1: 1.0 became 2.0`."""
    if isinstance(old, dict) and isinstance(new, dict):
        inner = [(name, old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys())]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        inner = [(str(place), *pair) for place, pair in enumerate(zip(old, new, strict=True))]
    else:
        return [] if old == new else [f"{key}: {old} became {new}"]
    return [line for name, *pair in inner for line in differences(*pair, f"{key}.{name}" if key else name)]

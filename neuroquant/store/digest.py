"""Fingerprints of shards: what was made of some data is taken up again only where the data are the same."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from neuroquant.store.arrays import ArrayFile


def digest(value: Any) -> str:
    """SHA-256 of a JSON-ready value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def shard_digest(path: Path, array: str = "image") -> str:
    """Fingerprint of a shard: whose images it holds, how each was cut out, and three slices of each (of latents
    (C, d, h, w), three channels).

    Reading all of 20,000 sessions would take longer than an interruption; preprocessing acts on whole scans, and an
    encoder on whole volumes, so that a change shows in every slice.
    """
    file = ArrayFile(path)
    images = np.asarray(file.view(array)) if len(file) else ()
    digest_of_all = hashlib.sha256(digest([record.to_json() for record in file.records]).encode())
    for image in images:
        for quarter in (1, 2, 3):
            digest_of_all.update(np.ascontiguousarray(image[len(image) * quarter // 4]))
    return digest_of_all.hexdigest()


def differences(old: Any, new: Any, key: str = "") -> list[str]:
    """What differs between two JSON-ready values, one line per place: `model.objective.l1: 1.0 became 2.0`.

    Examples
    --------
    >>> differences({"l1": 1.0, "ssim": 1.0}, {"l1": 2.0, "ssim": 1.0})
    ['l1: 1.0 became 2.0']
    """
    if isinstance(old, dict) and isinstance(new, dict):
        inner = [(name, old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys())]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        inner = [(str(index), *pair) for index, pair in enumerate(zip(old, new, strict=True))]
    else:
        return [] if old == new else [f"{key}: {old} became {new}"]
    return [line for name, *pair in inner for line in differences(*pair, f"{key}.{name}" if key else name)]

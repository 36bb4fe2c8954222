"""Authors' weights on disk: found, checked, and fetched once. Imported while the workflow is planned: no torch here."""

import os
import shutil
from pathlib import Path

from neuroquant.config.model import ModelRow, Weights
from neuroquant.errors import InputError
from neuroquant.files import sha256


def places(weights: Weights) -> list[Path]:
    """Where the file is looked for, in order."""
    if weights.folder:
        return [Path(weights.folder) / weights.filename]
    chosen = os.environ.get("NEUROQUANT_WEIGHTS", "")
    found = [Path(chosen) / weights.filename] if chosen else []
    return [*found, Path.home() / ".cache/neuroquant" / weights.filename]


def find_weights(row: ModelRow) -> Path:
    """The row's weights, checked.

    Raises
    ------
    InputError
        If there is no such file, its size or hash isn't the pinned one, or no hash is pinned.
    """
    weights, key = row.weights, f"model {row.name}: weights"
    expected = f"{weights.filename}" + (f", {weights.bytes} bytes" if weights.bytes else "")
    expected += f", sha256 {weights.sha256}" if weights.sha256 else ""
    path = next((place for place in places(weights) if place.is_file()), None)
    if path is None:
        looked = ", ".join(map(str, places(weights)))
        raise InputError(key, f"none at {looked}", expected, f"{where(row)}, or leave the row out")
    stat = path.stat()
    if weights.bytes and stat.st_size != weights.bytes:
        raise InputError(f"{key}: {path}", f"{stat.st_size} bytes", expected, where(row))
    found = sha256(path)
    if not weights.sha256:
        remedy = f"if you trust this file, pin it: `weights: {{sha256: {found}}}`"
        raise InputError(f"{key}: {path}", "no sha256 in the row", "the hash of the file", remedy)
    if found != weights.sha256:
        raise InputError(f"{key}: {path}", f"another content, sha256 {found}", expected, where(row))
    return path


def where(row: ModelRow) -> str:
    """How to get a row's weights."""
    if row.weights.hub:
        return "run `snakemake --cores 1 fetch_weights` once on a machine with network"
    return f"get it from {row.weights.source} and put it where it is looked for"


def fetch(row: ModelRow) -> Path:
    """Get a row's weights from the hub, unless they are there; checks them either way.

    Raises
    ------
    InputError
        If they can't be had, or aren't what is pinned.
    """
    weights, target = row.weights, places(row.weights)[0]
    if not any(place.is_file() for place in places(weights)):
        if not weights.hub:
            raise InputError(f"model {row.name}: weights", "no hub", "a file that can be fetched", where(row))
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            got = hf_hub_download(weights.hub, weights.filename, revision=weights.revision)
        except (OSError, HfHubHTTPError, LocalEntryNotFoundError) as error:
            place = f"{weights.hub}@{weights.revision}"
            raise InputError(
                f"model {row.name}: weights", f"{place} can't be read ({str(error).splitlines()[0]})", weights.filename,
                "run this where there is network; the file alone then goes to $NEUROQUANT_WEIGHTS here",
            ) from None  # fmt: skip
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.part")
        shutil.copyfile(got, scratch)
        scratch.replace(target)
    return find_weights(row)

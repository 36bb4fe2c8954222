"""Authors' weights on disk: found, checked, and fetched once. Imported while the workflow is planned: no torch here."""

import os
import shutil
import sys
import textwrap
from pathlib import Path

from neuroquant.config.existing import folder_of
from neuroquant.config.model import LpipsFiles, ModelEntry, ModelFolder, Weights
from neuroquant.errors import InputError
from neuroquant.files import sha256, written_whole
from neuroquant.model_config import CONFIG, PROVENANCE, WEIGHTS


def candidates(weights: Weights) -> list[Path]:
    """Where the file is looked for, in order."""
    if weights.folder:
        return [Path(weights.folder) / weights.filename]
    chosen = os.environ.get("NEUROQUANT_WEIGHTS", "")
    named = [Path(chosen) / weights.filename] if chosen else []
    return [*named, Path.home() / ".cache/neuroquant" / weights.filename]


def files_of(entry: ModelEntry) -> dict[str, Weights]:
    """Every file of published weights that a model needs, by its key."""
    key = f"model {entry.name}"
    files = {f"{key}: weights": entry.weights} if isinstance(entry.weights, Weights) else {}
    seen = entry.objective.perceptual
    if seen.weight and entry.training.phases:
        files |= {f"{key}: objective.perceptual.{name}": getattr(seen, name) for name in ("vgg", "linear")}
    return files


def find_files(entry: ModelEntry) -> list[Path]:
    """All of them, checked, as `find_file`; and those of a model folder, which are checked when they are loaded."""
    found = [find_file(weights, key) for key, weights in files_of(entry).items()]
    if isinstance(entry.weights, ModelFolder):
        folder = folder_of(entry)
        found += [folder / name for name in (WEIGHTS, CONFIG, PROVENANCE) if (folder / name).is_file()]
    return found


def find_lpips(files: LpipsFiles | None) -> list[Path]:
    """The networks of the metric LPIPS, VGG16 first, checked; as `find_file`."""
    return [find_file(getattr(files or LpipsFiles(), name), f"fidelity.lpips.{name}") for name in ("vgg", "linear")]


def find_file(weights: Weights, key: str) -> Path:
    """A file of weights, checked.

    Raises
    ------
    InputError
        If there is no such file, its size or hash isn't the pinned one, or no hash is pinned.
    """
    expected = f"{weights.filename}" + (f", {weights.bytes} bytes" if weights.bytes else "")
    expected += f", sha256 {weights.sha256}" if weights.sha256 else ""
    path = next((candidate for candidate in candidates(weights) if candidate.is_file()), None)
    if path is None:
        looked = ", ".join(map(str, candidates(weights)))
        raise InputError(key, f"none at {looked}", expected, f"{where(weights)}, or leave it out")
    stat = path.stat()
    if weights.bytes and stat.st_size != weights.bytes:
        raise InputError(f"{key}: {path}", f"{stat.st_size} bytes", expected, where(weights))
    digest = sha256(path)
    if not weights.sha256:
        remedy = f"if you trust this file, pin it: `sha256: {digest}`"
        raise InputError(f"{key}: {path}", "no sha256 beside its name", "the hash of the file", remedy)
    if digest != weights.sha256:
        raise InputError(f"{key}: {path}", f"another content, sha256 {digest}", expected, where(weights))
    return path


def where(weights: Weights) -> str:
    """How to get a file."""
    if weights.hub:
        return "run `snakemake fetch_weights --cores 1 --configfile YOUR.yaml` once on a machine with network"
    return f"get it from {weights.source} and put it where it is looked for"


def fetch_all(entries: list[ModelEntry]) -> None:
    """Get the weights of all models, saying where each lies.

    Raises
    ------
    InputError
        At the end, with every file that can't be had or isn't pinned; the others are there by then.
    """
    files = {key: weights for entry in entries for key, weights in files_of(entry).items()}
    faults = []
    for key, weights in files.items():
        try:
            print(f"{key}: {fetch(weights, key)}", file=sys.stderr)
        except InputError as error:
            faults.append(error)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        messages = "\n".join(textwrap.indent(str(fault), "    ") for fault in faults)
        raise InputError(
            "authors' weights", f"{len(faults)} of {len(files)} files that can't be used:\n{messages}", "all of them",
            "what each says; the others lie where they are looked for",
        )  # fmt: skip


def fetch(weights: Weights, key: str) -> Path:
    """Get a file from the hub, unless it is there; checks it either way.

    Raises
    ------
    InputError
        If it can't be had, isn't what is pinned, or its hub states another licence.
    """
    target = candidates(weights)[0]
    if not any(path.is_file() for path in candidates(weights)):
        if not weights.hub:
            raise InputError(key, "no hub", "a file that can be fetched", where(weights))
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            got = hf_hub_download(weights.hub, weights.filename, revision=weights.revision)
            check_licence(weights, key)
        except (OSError, HfHubHTTPError, LocalEntryNotFoundError) as error:
            origin = f"{weights.hub}@{weights.revision}"
            raise InputError(
                key, f"{origin} can't be read ({str(error).splitlines()[0]})", weights.filename,
                "run this where there is network; the file alone then goes to $NEUROQUANT_WEIGHTS here",
            ) from None  # fmt: skip
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(target) as scratch:
            shutil.copyfile(got, scratch)
    return find_file(weights, key)


def check_licence(weights: Weights, key: str) -> None:
    """Compare the licence that the model states with the one that the hub does, where it can be asked and states one.

    Raises
    ------
    InputError
        If they differ.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi

    try:
        tags = HfApi().model_info(weights.hub, revision=weights.revision).tags or []
    except (OSError, HTTPError) as error:  # the file itself was in a cache, and its hash is checked in any case
        print(f"{key}: the licence that {weights.hub} states wasn't read ({error})", file=sys.stderr)
        return
    stated = [tag.removeprefix("license:") for tag in tags if tag.startswith("license:")]
    if stated and weights.licence.casefold() not in stated:
        raise InputError(
            f"{key}.licence", weights.licence, f"{', '.join(stated)}, as {weights.hub} states",
            "read that licence, and if you may use the weights under it, write it there",
        )  # fmt: skip

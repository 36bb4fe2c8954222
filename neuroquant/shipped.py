"""What a checkout or a wheel has beside the modules: configurations, the workflow and trained models."""

from importlib.resources import files
from pathlib import Path

from neuroquant.errors import InputError


def project() -> Path:
    """The folder with `Snakefile`, `rules`, `config`, ...: in an installed package, around that of a checkout."""
    package = Path(str(files("neuroquant")))
    return package / "workflow" if (package / "workflow").is_dir() else package.parent


CONFIG = project() / "config"
"""Configurations: `cohorts/`, `models/`, `examples/`, `schemas/`."""
SNAKEFILE = project() / "Snakefile"
PRETRAINED = Path(str(files("neuroquant"))) / "pretrained"
"""A folder for each trained model that the package brings along, as docs/pretrained.md describes them."""


def shipped_models() -> dict[str, Path]:
    """Name of each model that the package brings along -> its folder."""
    return {path.parent.name: path.parent for path in sorted(PRETRAINED.glob("*/model.safetensors"))}


def own_folder(source: Path | str) -> Path:
    """The folder of a model on this machine, or of one that the package brings along.

    Raises
    ------
    InputError
        If a name without a slash is neither.
    """
    path, shipped = Path(source), shipped_models()
    if path.exists() or path.name != str(source):
        return path
    if path.name in shipped:
        return shipped[path.name]
    raise InputError(
        f"model {source}", "no folder of this name, and no model that NeuroQuant brings along",
        f"a model folder, a model on the hub (owner/name), or one of: {', '.join(shipped) or 'none'}",
        "correct the name",
    )  # fmt: skip

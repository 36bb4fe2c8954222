"""Packages that not every user needs: an extra of the installation brings each, and names it where it is missing."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from neuroquant.errors import InputError

PACKAGES = {
    "ants": ("antspyx", "preprocess"),
    "deepbet": ("deepbet", "preprocess"),
    "diffusers": ("diffusers", "baselines"),
    "monai": ("monai", "baselines"),
    "PIL": ("pillow", "workflow"),
    "constriction": ("constriction", "workflow"),
    "contourpy": ("contourpy", "workflow"),
    "matplotlib": ("matplotlib", "workflow"),
    "nilearn": ("nilearn", "workflow"),
    "sklearn": ("scikit-learn", "workflow"),
    "snakemake": ("snakemake", "workflow"),
    "tensorboard": ("tensorboard", "workflow"),
    "torchio": ("torchio", "workflow"),
}
"""Module -> (the package that holds it, the extra that brings it)."""

IMPORT = re.compile(r"^\s*(?:from|import)\s+(\w+)", re.M)


class NotInstalled(InputError):
    """A package is missing: no scan's fault, so none is excluded for it."""


@contextmanager
def optional() -> Iterator[None]:
    """Around the import of a package that an extra brings.

    Raises
    ------
    NotInstalled
        With the line that installs it, where it is missing. Any other failure of an import stays as it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in PACKAGES:
            raise
        raise missing(module) from None


def require(module: str) -> None:
    """Make sure that a package is there which is used without being imported: run by name, or read as files.

    Raises
    ------
    NotInstalled
        With the line that installs it, where it is missing.
    """
    if find_spec(module) is None:
        raise missing(module)


def require_imported(paths: Iterable[Path]) -> None:
    """Make sure of every package of an extra that some files of code import.

    Raises
    ------
    NotInstalled
        With the line that installs the first that is missing.
    """
    for path in paths:
        for module in IMPORT.findall(path.read_text(encoding="utf-8")) if path.suffix == ".py" else ():
            if module in PACKAGES:
                require(module)


def missing(module: str) -> NotInstalled:
    """What to say where a module of `PACKAGES` isn't installed."""
    package, extra = PACKAGES[module]
    return NotInstalled(
        package, "not installed", f"one of the packages of neuroquant[{extra}]", f'pip install "neuroquant[{extra}]"'
    )

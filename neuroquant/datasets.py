"""BIDS data sets as folders: which of them NeuroQuant made, and outputs that stay apart from what they are made of."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from neuroquant.errors import InputError

DESCRIPTION = "dataset_description.json"
DERIVATIVES = "derivatives"
"""The folder of a data set that holds derivative data sets, one each."""
PROGRAM = "NeuroQuant"
"""The name under `GeneratedBy` in the description of the derivatives that are written here."""


def is_ours(folder: Path) -> bool:
    """Whether a folder is a derivative data set that NeuroQuant made."""
    try:
        made_by = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))["GeneratedBy"]
        return any(one.get("Name") == PROGRAM for one in made_by)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def require_ours(where: str, folder: Path, raw: Path) -> None:
    """Refuse a folder for derivatives that holds a data set which NeuroQuant didn't make.

    Parameters
    ----------
    where : what the user calls the folder, for the error.
    raw : root of the data set that the scans are from, for the remedy.

    Raises
    ------
    InputError
        With what to choose instead.
    """
    if (folder / DESCRIPTION).exists() and not is_ours(folder):
        raise InputError(
            where, "another program's data set", "a new folder, or one of NeuroQuant's", elsewhere_than(raw)
        )


def require_outside(where: str, folder: Path, raw: Path) -> None:
    """Refuse a folder within the data set that scans are read from, unless it is one below its `derivatives`.

    Parameters
    ----------
    where, raw : as in `require_ours`.

    Raises
    ------
    InputError
        With what to choose instead.
    """
    root, here = raw.resolve(), folder.resolve()
    below = root / DERIVATIVES
    if here.is_relative_to(root) and below not in here.parents:
        raise InputError(
            where, f"a folder inside the data set {root}", f"one outside of it, or a folder of its own below {below}",
            elsewhere_than(raw),
        )  # fmt: skip


def elsewhere_than(raw: Path) -> str:
    """What to do about a folder where derivatives of a data set can't go."""
    return f"choose a folder elsewhere, or {raw.resolve() / DERIVATIVES / 'neuroquant'}"


def require_apart(out: Path, inputs: Iterable[Path]) -> None:
    """Refuse a folder for outputs within a BIDS data set that inputs are read from; its `derivatives` may take them.

    Raises
    ------
    InputError
        With the data set.
    """
    here = Path(os.path.realpath(out))
    for path in inputs:
        above = Path(os.path.realpath(path)).parents
        root = next((folder for folder in above if (folder / DESCRIPTION).is_file()), None)
        if root and here.is_relative_to(root) and not here.is_relative_to(root / DERIVATIVES):
            raise InputError(
                str(out), f"a folder within the data set {root}, from which {path.name} is read",
                "a folder outside of it, or one in its `derivatives`", "choose another --out; nothing was written",
            )  # fmt: skip

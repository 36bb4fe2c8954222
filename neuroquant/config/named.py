"""YAML files that a configuration names: those of its user first, then the shipped ones."""

import difflib
import os
from pathlib import Path
from typing import Any

from neuroquant.config.plain import UNPARSED, bounded, brief, parse_yaml, read_text
from neuroquant.errors import InputError
from neuroquant.shipped import CONFIG

OWN = ("label", "full_label", "published_as")
"""Keys that a file doesn't take from the one that it extends: by them tables and figures tell the two apart."""


def read_list(raw: dict[str, Any], key: str, folders: tuple[Path, ...], where: str) -> list[tuple[str, dict[str, Any]]]:
    """Entries of `cohorts` or `models` as (origin, mapping); a name or path is read and its `extends` followed.

    Parameters
    ----------
    raw : the experiment as its file states it.
    key : "cohorts" or "models".
    folders : what holds a folder of that name, in the order in which it is looked through.
    where : the experiment's origin, for errors.

    Raises
    ------
    InputError
        If an entry is neither a name nor a mapping, or there is no such file.
    """
    items = raw.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        raise InputError(f"{where}: {key}", brief(items), "a list", f"write `{key}: [name, ...]`")
    resolved = []
    for index, item in enumerate(items):
        if isinstance(item, str):
            path = file_of(item, key, folders)
            resolved.append((str(path), follow(path, tuple(folder / key for folder in folders), ())))
        elif isinstance(item, dict):
            resolved.append((f"{where}: {key}[{index}]", item))
        else:
            raise InputError(f"{where}: {key}[{index}]", brief(item), "a name, a path or a mapping", "correct it")
    return resolved


def read_model(model: str, folders: tuple[Path, ...]) -> dict[str, Any]:
    """What the file of one model says, and what it extends.

    Parameters
    ----------
    model : a name or a path, as an experiment has them.
    folders : as for `read_list`.

    Raises
    ------
    InputError
        If there is no such file, or it states no name.
    """
    ((origin, found),) = read_list({"models": [model]}, "models", folders, model)
    if not isinstance(found.get("name"), str):
        raise InputError(f"{origin}: name", brief(found.get("name")), "the model's name", "add `name: my_model`")
    return found


def file_of(item: str, key: str, folders: tuple[Path, ...]) -> Path:
    """The file that a name or a path means; where there is none, the first that was looked for.

    A path counts from the working folder, else from the experiment's; a name is looked up in `folders`.
    """
    if item.endswith((".yaml", ".yml")):
        candidates = [Path(item), *(folder / item for folder in folders[:-1])]
    else:
        candidates = [folder / key / f"{item}.yaml" for folder in folders]
    # unlike Path.exists, os.path.exists bears any name
    return next((path for path in candidates if os.path.exists(path)), candidates[0])


def follow(path: Path, folders: tuple[Path, ...], seen: tuple[Path, ...]) -> dict[str, Any]:
    """Read a YAML file and lay it over the one that its `extends` names; all but `OWN` are inherited.

    Parameters
    ----------
    folders : where that name is looked up after the file's own folder: a user's `neuroquant.yaml` may extend the
        shipped `neuroquant`.
    seen : the files that led here.

    Raises
    ------
    InputError
        If the files lead in a circle, or one of them can't be read.
    """
    value = read_yaml(path)
    parent = value.pop("extends", None)
    if parent is None:
        return value
    if not isinstance(parent, str):
        raise wrong(f"{path}: extends", parent, "the name of a file beside this one, or of a shipped one")
    seen = (*seen, path.resolve())
    candidates = [folder / f"{parent}.yaml" for folder in (path.parent, *folders)]
    existing = [candidate for candidate in candidates if os.path.exists(candidate)]
    fresh = [candidate for candidate in existing if candidate.resolve() not in seen]
    if existing and not fresh:
        raise InputError(f"{path}: extends", "a circle", "a file that doesn't lead back here", "break the circle")
    base = follow((fresh or candidates)[0], folders, seen)
    return merge({key: of_parent for key, of_parent in base.items() if key not in OWN}, value)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping, of plain data and ordinary size, in which no key stands twice.

    Raises
    ------
    InputError
        If there is no such file, or it is none.
    """
    if not os.path.exists(path):
        raise InputError(brief(path), "no such file", "a YAML file", f"correct the name or the path{hint(path)}")
    text = read_text(path)
    try:
        value = parse_yaml(text)
    except UNPARSED as error:
        said = str(error) if len(str(error)) < 500 else brief(error)
        raise InputError(str(path), f"not YAML: {said}", "a YAML mapping", "correct the line that is named") from None
    if not isinstance(value, dict):
        raise InputError(str(path), type(value).__name__, "a YAML mapping of keys", "start from config/config.yaml")
    return bounded(value, str(path))


def hint(path: Path) -> str:
    """What may have been meant by a file that isn't there: one beside it, or a shipped one; empty where nothing is."""
    if path.name in [file.name for file in (CONFIG / "examples").glob("*.yaml")]:
        return f", or write that file: neuroquant example {path.stem} > {path.name}"
    folders = [path.parent] + ([CONFIG / path.parent.name] if path.parent.name in ("cohorts", "models") else [])
    known = [file.stem for folder in folders for file in folder.glob("*.yaml")]
    near = difflib.get_close_matches(path.stem, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`base` with `change` laid over it, mapping by mapping; lists and scalars are replaced.

    Examples
    --------
    >>> merge({"volume": {"shape": [144, 192, 144]}, "seed": 0}, {"volume": {"shape": [48, 64, 48]}})
    {'volume': {'shape': [48, 64, 48]}, 'seed': 0}
    """
    merged = dict(base)
    for key, value in change.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def wrong(key: str, value: Any, expected: str) -> InputError:
    """The error for a value that can't be used."""
    return InputError(key, brief(value), expected, "correct the value; config/config.yaml says what each key means")

"""From YAML files to one checked `Experiment`; every error names the file, the key and the nearest known key."""

import difflib
import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from neuroquant import models
from neuroquant.config.base import Settings
from neuroquant.config.budget import with_budget
from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry, require_codebook_starts
from neuroquant.config.plain import UNPARSED, bounded, brief, parse_yaml, read_text
from neuroquant.errors import InputError

Checked = TypeVar("Checked", bound=BaseModel)
OWN = ("label", "published_as")
"""Keys that a file doesn't take from the one that it extends: by them tables and figures tell the two apart."""


def load_experiment(path: Path | str, config_folder: Path | str) -> Experiment:
    """Read an experiment file and everything that it names.

    Parameters
    ----------
    path : the experiment's YAML file.
    config_folder : folder that holds `cohorts/` and `models/`, where names are looked up.

    Raises
    ------
    InputError
        On unreadable YAML, an unknown key, a wrong value or a name that leads nowhere.
    """
    return resolve_experiment(read_yaml(Path(path)), Path(config_folder), str(path))


def resolve_experiment(raw: dict[str, Any], config_folder: Path, where: str) -> Experiment:
    """Resolve an experiment given as a dictionary; `where` names its origin in errors."""
    raw = dict(bounded(raw, where))
    overrides = raw.get("overrides") or {}
    cohorts = _resolve_list(raw, "cohorts", config_folder, where)
    entries = _resolve_list(raw, "models", config_folder, where)
    for origin, entry in entries:
        if not isinstance(entry.get("architecture", ""), str):
            raise _wrong(f"{origin}: architecture", entry["architecture"], "a module's name, such as neuroquant")
    architectures = {entry["architecture"] for _, entry in entries if "architecture" in entry}
    if not isinstance(overrides, dict):
        raise _wrong(f"{where}: overrides", overrides, "a mapping, architecture: {changes}")
    for name, change in overrides.items():
        if name not in architectures:
            raise unknown_key(f"{where}: overrides.{name}", name, architectures)
        if not isinstance(change, dict):
            raise _wrong(f"{where}: overrides.{name}", change, "a mapping of changes")
    if cohorts:
        raw["cohorts"] = [validate(Cohort, item, origin) for origin, item in cohorts]
    if entries:
        raw["models"] = [_resolve_model(item, overrides, origin) for origin, item in entries]
    experiment = with_modalities(validate(Experiment, raw, where), where)
    require_fitting_sides(experiment, where)
    return _within_rate(with_budget(experiment, where))


def with_modalities(experiment: Experiment, where: str) -> Experiment:
    """The experiment, its models with the modalities that they take.

    Raises
    ------
    InputError
        If a model names one that the experiment doesn't have.
    """
    for entry in experiment.models:
        if other := [name for name in entry.modalities if name not in experiment.modalities]:
            raise InputError(
                f"{where}: model {entry.name}: modalities", other[0], f"some of {', '.join(experiment.modalities)}",
                "correct the name, or add it to the experiment's `modalities`",
            )  # fmt: skip
    entries = tuple(
        entry.model_copy(update={"modalities": entry.modalities or experiment.modalities})
        for entry in experiment.models
    )
    return experiment.model_copy(update={"models": entries})


def require_fitting_sides(experiment: Experiment, where: str) -> None:
    """Refuse volumes and pieces of them that a model can't halve as often as it does.

    Raises
    ------
    InputError
        If a side of `volume.shape`, or of a phase's `crop`, is no multiple of what a model needs.
    """
    for entry in experiment.models:
        step = models.divisor(entry.architecture, entry.parameters)
        shapes = {"volume.shape": experiment.volume.shape}
        for number, phase in enumerate(entry.training.phases):
            shapes[f"model {entry.name}, training.phases[{number}].crop"] = phase.crop
        for key, shape in shapes.items():
            bad = [side for side in shape if side % step]
            if bad:
                raise InputError(
                    f"{where}: {key}", f"{list(shape)}, with a side of {bad[0]}",
                    f"each side a multiple of {step}: model {entry.name} makes them {step} times smaller",
                    "correct the sides, or the number of blocks (NeuroQuant's parameters.channels)",
                )  # fmt: skip


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping, of plain data and ordinary size, in which no key stands twice.

    Raises
    ------
    InputError
        If there is no such file, or it is none.
    """
    if not os.path.exists(path):  # unlike Path.exists, this bears any name
        near = difflib.get_close_matches(path.stem, [p.stem for p in path.parent.glob("*.yaml")], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(brief(path), "no such file", "a YAML file", f"correct the name or the path{hint}")
    text = read_text(path)
    try:
        value = parse_yaml(text)
    except UNPARSED as error:
        said = str(error) if len(str(error)) < 500 else brief(error)
        raise InputError(str(path), f"not YAML: {said}", "a YAML mapping", "correct the line that is named") from None
    if not isinstance(value, dict):
        raise InputError(str(path), type(value).__name__, "a YAML mapping of keys", "start from config/config.yaml")
    return bounded(value, str(path))


def _wrong(key: str, value: Any, expected: str) -> InputError:
    return InputError(key, brief(value), expected, "correct the value; config/config.yaml says what each key means")


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


def _resolve_list(raw: dict[str, Any], key: str, config_folder: Path, where: str) -> list[tuple[str, dict[str, Any]]]:
    """Entries of `cohorts` or `models` as (origin, mapping); a name or path is read and its `extends` followed."""
    items = raw.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        raise InputError(f"{where}: {key}", brief(items), "a list", f"write `{key}: [name, ...]`")
    resolved = []
    for index, item in enumerate(items):
        if isinstance(item, str):
            path = Path(item) if item.endswith((".yaml", ".yml")) else config_folder / key / f"{item}.yaml"
            resolved.append((str(path), _follow(path, ())))
        elif isinstance(item, dict):
            resolved.append((f"{where}: {key}[{index}]", item))
        else:
            raise InputError(f"{where}: {key}[{index}]", brief(item), "a name, a path or a mapping", "correct it")
    return resolved


def _follow(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Read a YAML file and lay it over the file that its `extends` names, beside it; all but `OWN` are inherited."""
    if path in seen:
        raise InputError(f"{path}: extends", "a circle", "a file that doesn't lead back here", "break the circle")
    value = read_yaml(path)
    parent = value.pop("extends", None)
    if parent is None:
        return value
    if not isinstance(parent, str):
        raise _wrong(f"{path}: extends", parent, "the name of a file beside this one")
    base = _follow(path.parent / f"{parent}.yaml", (*seen, path))
    return merge({key: of_parent for key, of_parent in base.items() if key not in OWN}, value)


def _resolve_model(raw: dict[str, Any], overrides: dict[str, Any], where: str) -> ModelEntry:
    """A model with the overrides of its architecture and its parameters' defaults filled in."""
    change = overrides.get(raw.get("architecture"), {})
    entry = validate(ModelEntry, merge(raw, change), where)
    parameters = validate(models.parameters_class(entry.architecture), entry.parameters, f"{where}: parameters")
    phases = tuple(phase for phase in entry.training.phases if entry.training.joint or phase.mode == "3d")
    if not phases and entry.training.phases:
        raise InputError(f"{where}: training.phases", "no 3d phase", "at least one with joint: false", "add one")
    require_codebook_starts(where, phases, models.start_after(entry.architecture, parameters))
    training = entry.training.model_copy(update={"phases": phases})
    return entry.model_copy(update={"parameters": parameters.model_dump(mode="json"), "training": training})


def _within_rate(experiment: Experiment) -> Experiment:
    """The experiment, its reference models lowered to the bits of the full model, the first of figure4.models."""
    full, shape = experiment.model(experiment.figure4.models[0]), experiment.volume.shape
    limit = models.bits(full.architecture, full.parameters, shape)
    if limit is None:
        return experiment
    entries = tuple(
        entry.model_copy(update={"parameters": models.within(entry.architecture, entry.parameters, limit)})
        for entry in experiment.models
    )
    return experiment.model_copy(update={"models": entries})


def validate(kind: type[Checked], raw: Any, where: str) -> Checked:
    """`raw` as a checked `kind`; the first error becomes an `InputError`."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise _explain(error, kind, where) from None


def _explain(error: ValidationError, kind: type[BaseModel], where: str) -> InputError:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    key = f"{where}{'.' if where.endswith('parameters') else ': '}{path}" if path else where
    if first["type"] == "extra_forbidden":
        return unknown_key(key, str(first["loc"][-1]), _known_keys(kind, first["loc"][:-1]))
    if first["type"] == "missing":
        return InputError(key, "nothing", "a value: this key has no default", f"add `{first['loc'][-1]}:`")
    expected = _expectation(first)
    return (
        _wrong(key, first["input"], expected)
        if path
        else InputError(
            key, "these values together", expected, "correct the values; config/config.yaml says what each key means"
        )
    )


def _expectation(error: Any) -> str:
    """What pydantic's error asks for; of a list that is too short or long, in words of the file."""
    context = error.get("ctx", {})
    if error["type"] in ("too_short", "too_long"):
        bound = (
            f"at least {context['min_length']}" if error["type"] == "too_short" else f"at most {context['max_length']}"
        )
        return f"{bound} entries, not {context['actual_length']}"
    return error["msg"].removeprefix("Value error, ")


def unknown_key(origin: str, key: object, known: set[str]) -> InputError:
    """The error for a key that nobody reads."""
    near = difflib.get_close_matches(str(key), sorted(known), n=1, cutoff=0.5)
    remedy = f"did you mean `{near[0]}`?" if near else "remove it"
    return InputError(origin, f"unknown key `{str(key)[:80]}`", "one of " + ", ".join(sorted(known)), remedy)


def _known_keys(kind: type[BaseModel], location: tuple[str | int, ...]) -> set[str]:
    """Field names of the settings class that `location` leads to."""
    for part in location:
        if isinstance(part, int):
            continue
        if part in kind.model_fields:  # else the key of a mapping, or the kind of value that pydantic tried
            kind = _settings_in(kind.model_fields[part].annotation) or kind
    return set(kind.model_fields)


def _settings_in(annotation: Any) -> type[Settings] | None:
    """The first `Settings` class inside an annotation such as `tuple[Phase, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        below = _settings_in(inner)
        if below is not None:
            return below
    return None

"""From YAML files to one checked `Experiment`; every error names the file, the key and the nearest known key."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from neuroquant import models
from neuroquant.config.base import DEFAULT_MODALITIES, Settings
from neuroquant.config.budget import with_budget
from neuroquant.config.cohort import Cohort
from neuroquant.config.curve import points
from neuroquant.config.existing import is_existing, of_folder, require_same_volumes
from neuroquant.config.experiment import Experiment
from neuroquant.config.model import KINDS, ModelEntry, ModelFolder, require_codebook_starts
from neuroquant.config.named import merge, read_list, read_yaml, wrong
from neuroquant.config.plain import bounded
from neuroquant.config.rate import with_rates
from neuroquant.config.roles import with_roles
from neuroquant.config.seeds import trainings
from neuroquant.config.shown import with_shown
from neuroquant.errors import InputError
from neuroquant.shipped import CONFIG

Checked = TypeVar("Checked", bound=BaseModel)


def load_experiment(path: Path | str, beside: Path | str | None = None) -> Experiment:
    """Read an experiment file and everything that it names.

    Parameters
    ----------
    path : the experiment's YAML file.
    beside : folder whose `cohorts/` and `models/` come before the shipped ones; by default that of the file.

    Raises
    ------
    InputError
        On unreadable YAML, an unknown key, a wrong value or a name that leads nowhere.
    """
    path = Path(path)
    return resolve_experiment(read_yaml(path), path.parent if beside is None else Path(beside), str(path))


def resolve_experiment(raw: dict[str, Any], beside: Path | Sequence[Path], where: str) -> Experiment:
    """Resolve an experiment given as a dictionary.

    Parameters
    ----------
    beside : folder, or folders in their order, whose `cohorts/` and `models/` come before the shipped ones.
    where : its origin, for errors.
    """
    raw = dict(bounded(raw, where))
    overrides = raw.get("overrides") or {}
    folders = (*((beside,) if isinstance(beside, Path) else beside), CONFIG)
    cohorts = read_list(raw, "cohorts", folders, where)
    entries = read_list(raw, "models", folders, where)
    kinds = raw.get("modalities", DEFAULT_MODALITIES)
    entries = [(origin, of_folder(item, kinds, folders[:-1], origin)) for origin, item in entries]
    for origin, entry in entries:
        if not isinstance(entry.get("architecture", ""), str):
            raise wrong(f"{origin}: architecture", entry["architecture"], "a module's name, such as neuroquant")
    architectures = {entry["architecture"] for _, entry in entries if "architecture" in entry}
    names = {item["name"] for _, item in cohorts if isinstance(item.get("name"), str)} - architectures
    if not isinstance(overrides, dict):
        raise wrong(f"{where}: overrides", overrides, "a mapping, architecture or cohort: {changes}")
    for name, change in overrides.items():
        if name not in architectures | names:
            raise unknown_key(f"{where}: overrides.{name}", name, architectures | names)
        if not isinstance(change, dict):
            raise wrong(f"{where}: overrides.{name}", change, "a mapping of changes")
    if cohorts:
        raw["cohorts"] = [_resolve_cohort(item, overrides, origin) for origin, item in cohorts]
    if entries:
        raw["models"] = [
            training
            for origin, item in entries
            for point in _resolve_points(item, overrides, origin)
            for training in trainings(point, origin)
        ]
    raw["overrides"] = {name: change for name, change in overrides.items() if name not in names}
    experiment = with_modalities(with_shown(validate(Experiment, raw, where)), where)
    require_fitting_sides(experiment, where)
    require_same_volumes(experiment, where)
    experiment = with_roles(experiment, where)
    return with_rates(with_budget(experiment, where), where)


def with_modalities(experiment: Experiment, where: str) -> Experiment:
    """The experiment, its models with the modalities that they take.

    Raises
    ------
    InputError
        If a model names one that the experiment doesn't have.
    """
    for entry in experiment.models:
        other = [name for name in entry.modalities if name not in experiment.modalities]
        # a model that exists already may take more than the experiment has
        if other and not (isinstance(entry.weights, ModelFolder) and len(other) < len(entry.modalities)):
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
        step = 1 if entry.resampled_mm else models.divisor(entry.architecture, entry.parameters)
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


def _resolve_cohort(raw: dict[str, Any], overrides: dict[str, Any], where: str) -> Cohort:
    """A cohort with the overrides of its name."""
    name = raw.get("name")
    return validate(Cohort, merge(raw, overrides.get(name, {}) if isinstance(name, str) else {}), where)


def _resolve_model(raw: dict[str, Any], overrides: dict[str, Any], where: str) -> ModelEntry:
    """A model with the overrides of its architecture and its parameters' defaults filled in."""
    entry = validate(ModelEntry, raw if is_existing(raw) else overridden(raw, overrides), where)
    parameters = validate(models.parameters_class(entry.architecture), entry.parameters, f"{where}: parameters")
    phases = tuple(phase for phase in entry.training.phases if entry.training.joint or phase.mode == "3d")
    if not phases and entry.training.phases:
        raise InputError(f"{where}: training.phases", "no 3d phase", "at least one with joint: false", "add one")
    if not isinstance(entry.weights, ModelFolder):  # the codebook of a folder has started
        require_codebook_starts(where, phases, models.start_after(entry.architecture, parameters))
    training = entry.training.model_copy(update={"phases": phases})
    return entry.model_copy(update={"parameters": parameters.model_dump(mode="json"), "training": training})


def overridden(raw: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A model as it is written, with the changes to its architecture laid over it.

    A term of the loss that the model's file switches off stays off: it is what an ablation is about.
    """
    architecture = raw.get("architecture")
    changed = merge(raw, overrides.get(architecture, {}) if isinstance(architecture, str) else {})
    terms = raw.get("objective")
    off = {key: value for key, value in terms.items() if value == 0} if isinstance(terms, dict) else {}
    return merge(changed, {"objective": off}) if off else changed


def _resolve_points(raw: dict[str, Any], overrides: dict[str, Any], where: str) -> list[ModelEntry]:
    """A model as `_resolve_model` gives it, and the points of its curve."""
    first, *others = points(_resolve_model(raw, overrides, where), where)
    kind = models.parameters_class(first.architecture)
    checked = [validate(kind, entry.parameters, f"{where}: curve").model_dump(mode="json") for entry in others]
    pairs = zip(others, checked, strict=True)
    return [first, *(entry.model_copy(update={"parameters": parameters}) for entry, parameters in pairs)]


def validate(kind: type[Checked], raw: Any, where: str) -> Checked:
    """`raw` as a checked `kind`; the first error becomes an `InputError`."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise _explain(error, kind, where) from None


def _explain(error: ValidationError, kind: type[BaseModel], where: str) -> InputError:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"] if part not in KINDS)
    key = f"{where}{'.' if where.endswith(('parameters', 'curve')) else ': '}{path}" if path else where
    if first["type"] == "extra_forbidden":
        return unknown_key(key, str(first["loc"][-1]), _known_keys(kind, first["loc"][:-1]))
    if first["type"] == "missing":
        return InputError(key, "nothing", "a value: this key has no default", f"add `{first['loc'][-1]}:`")
    expected = _expectation(first)
    return (
        wrong(key, first["input"], expected)
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
        kind = KINDS.get(part, kind)
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

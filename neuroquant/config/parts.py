"""Parts of an experiment: a job gets the settings that it uses and no others, so that it reruns when these change.

A rule names its part, e.g. `("modalities", "models", "table1", "statistics")`. The job's script reads it back as an
`Experiment` in which everything else is absent: reading an undeclared setting raises, and so fails in a test instead of
leaving a table out of date.
"""

import json
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from neuroquant.config.base import Settings
from neuroquant.config.experiment import Experiment

SHOWN = {
    "models": (
        "name",
        "label",
        "full_label",
        "published_as",
        "architecture",
        "group",
        "replicate_of",
        "curve_of",
        "resampled_mm",
    ),
    "cohorts": ("name", "label", "stands_for", "stand_in", "role"),
}
"""What `models` and `cohorts` stand for in a part: the fields that tables, figures and tests need of each."""

Tree = dict[str, "Tree"]
"""Names of settings, nested; an empty one stands for everything below."""


class UndeclaredSetting(LookupError):
    """A job read a setting that its rule doesn't declare. No AttributeError, which `hasattr` would hide."""

    def __init__(self, kind: str, name: str):
        super().__init__(f"{kind}.{name} isn't among the settings that this job's rule declares; add it in rules/")


def part_of(experiment: Experiment, *names: str) -> str:
    """Parts of an experiment as JSON.

    Parameters
    ----------
    experiment : Experiment
        The resolved experiment.
    *names : str
        Settings of the experiment. A dotted name stands for one setting of a group (`report.identifiable`), or of every
        model or cohort (`models.training.phases`); `models` and `cohorts` stand for what is shown of each.

    Returns
    -------
    str
        The same text for the same settings, in whatever order they are named.
    """
    wanted: Tree = {}
    for name in names:
        for path in [f"{name}.{field}" for field in SHOWN.get(name, ())] or [name]:
            node = wanted
            for key in path.split("."):
                node = node.setdefault(key, {})
    return json.dumps(_plain(experiment, wanted), sort_keys=True)


def read_part(text: str) -> Experiment:
    """An experiment that has only the settings of a part.

    Raises
    ------
    UndeclaredSetting
        Later, when another setting is read.
    """
    return _view(Experiment, json.loads(text))


def without_names(settings: Settings) -> Settings:
    """A model or cohort without what only tables and figures show of it; no training and no scan depends on that."""
    shown = {"label": "", "full_label": "", "published_as": "", "ablation_of": "", "stands_for": "", "stand_in": False}
    shown |= {"replicate_of": "", "curve": {}, "curve_of": "", "role": "all"}
    return settings.model_copy(
        update={key: value for key, value in shown.items() if key in type(settings).model_fields}
    )


def _plain(value: Any, wanted: Tree) -> Any:
    if not wanted:
        return to_jsonable_python(value)
    if isinstance(value, tuple):
        return [_plain(item, wanted) for item in value]
    return {key: _plain(getattr(value, key), below) for key, below in wanted.items()}


class _View:
    """Mixed into a settings class: what was declared, properties such as `group` included, and nothing else."""

    def __getattribute__(self, name: str) -> Any:
        declared = object.__getattribute__(self, "__dict__")
        return declared[name] if name in declared else super().__getattribute__(name)

    def __getattr__(self, name: str) -> Any:
        if name in type(self).model_fields:
            raise UndeclaredSetting(type(self).__name__, name)
        return super().__getattr__(name)


@cache
def _view_class(kind: type[Settings]) -> type[Settings]:
    return type(kind.__name__, (_View, kind), {"__module__": __name__, "__doc__": kind.__doc__})


def _view(kind: type[Settings], plain: dict[str, Any]) -> Any:
    """An object of the kind with these fields alone. Values were checked when the experiment was resolved."""
    view = _view_class(kind).model_construct()
    view.__dict__.clear()
    for name, value in plain.items():
        field = kind.model_fields.get(name)
        view.__dict__[name] = _typed(field.annotation, value) if field else value
    return view


def _typed(annotation: Any, plain: Any) -> Any:
    """Plain data as what an annotation says."""
    if _is_settings(annotation):
        return (
            annotation.model_validate(plain) if set(plain) == set(annotation.model_fields) else _view(annotation, plain)
        )
    if get_origin(annotation) is tuple and _is_settings(inner := get_args(annotation)[0]):
        return tuple(_typed(inner, item) for item in plain)
    return TypeAdapter(annotation).validate_python(plain)


def _is_settings(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Settings)

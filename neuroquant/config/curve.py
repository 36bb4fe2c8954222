"""One untrained model at several rates: each value of `curve` becomes an entry of its own."""

from typing import Any

from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.config.plain import brief
from neuroquant.config.seeds import LONGEST
from neuroquant.errors import InputError


def points(entry: ModelEntry, where: str) -> list[ModelEntry]:
    """The model with its own parameters, then an entry for each value of its curve, named `<model>_<parameter><value>`.

    Parameters
    ----------
    where : names the model's file in errors.

    Raises
    ------
    InputError
        If the model is trained, its curve varies anything but one of its parameters, or a name becomes too long.

    Examples
    --------
    >>> untrained, curve = {"phases": ()}, {"components": (4, 16)}
    >>> pca = ModelEntry(name="pca", architecture="baselines.pca", training=untrained, curve=curve)
    >>> [(each.name, each.parameters, each.curve_of) for each in points(pca, "pca.yaml")][1:]
    [('pca_components4', {'components': 4}, 'pca'), ('pca_components16', {'components': 16}, 'pca')]
    """
    if not entry.curve:
        return [entry]
    if entry.training.phases or entry.weights:
        raise InputError(
            f"{where}: curve", f"{brief(dict(entry.curve))}, for a model with training.phases or weights",
            "a model that isn't trained", "remove it; a trained model of another size is a model of its own",
        )  # fmt: skip
    known = models.parameters_class(entry.architecture).model_fields
    ((name, values),) = entry.curve.items()
    if name not in known:
        raise InputError(
            f"{where}: curve.{name}", "no parameter of the model", f"one of {', '.join(known)}", "correct the name"
        )
    return [entry.model_copy(update={"curve": {}}), *(_point(entry, name, value, where) for value in values)]


def _point(entry: ModelEntry, parameter: str, value: Any, where: str) -> ModelEntry:
    name = f"{entry.name}_{parameter}{value:.10g}".replace(".", "_")
    if len(name) > LONGEST:
        raise InputError(
            f"{where}: name", f"{entry.name}, with {name} for a point of its curve",
            f"at most {LONGEST} letters, those of the value among them", "shorten the model's name",
        )  # fmt: skip
    changes: dict[str, object] = {
        "name": name,
        "curve": {},
        "curve_of": entry.name,
        "full_label": "",
        "published_as": "",
    }
    changes |= {"label": f"{entry.shown} ({parameter} {value:.10g})", "ablation_of": ""}
    return entry.model_copy(update=changes | {"parameters": entry.parameters | {parameter: value}})

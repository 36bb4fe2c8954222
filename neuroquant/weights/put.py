"""Authors' weights, put in place to the last tensor."""

from typing import Any

from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.errors import InputError
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.weights.find import find_file
from neuroquant.weights.read import read_state


def load_published(entry: ModelEntry, model: Autoencoder) -> dict[str, Any]:
    """Fill a model with the weights that its model names; returns what provenance.json says of them.

    Raises
    ------
    InputError
        If the file is missing, another one, unreadable, or of another model.
    """
    path = find_file(entry.weights, f"model {entry.name}: weights")
    state = models.published_state(entry.architecture, read_state(path))
    own = model.state_dict()
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shapes = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(own[name].shape)}"
        for name in sorted(own.keys() & state.keys())
        if state[name].shape != own[name].shape
    ]
    if missing or unknown or shapes:
        parts = [f"{len(missing)} tensors missing ({', '.join(missing[:3])})"] if missing else []
        parts += [f"{len(unknown)} unknown ({', '.join(unknown[:3])})"] if unknown else []
        raise InputError(
            f"model {entry.name}: {path}", "; ".join(parts + shapes[:3]), f"the weights of {entry.architecture}",
            "these are of another model, or `parameters` are of another size",
        )  # fmt: skip
    model.load_state_dict(state)
    facts = entry.weights.model_dump(include={"filename", "hub", "revision", "source", "sha256", "licence"})
    return {"published_weights": {**facts, "fine_tuned": bool(entry.training.phases)}}

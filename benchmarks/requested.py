"""A model of `config/models` with changes to its training, as a command line names it: `neuroquant+lr=4e-3:2`."""

from entries import load_models, with_parameters, with_phase, with_training

from neuroquant.config.model import ModelEntry
from neuroquant.models.neuroquant.quantizers import KINDS

LR_FALL = 20.0
"""Learning rate of a phase at its begin, over that at its end."""
CHANGES = (
    f"optimizer=adamw|muon, lr=NUMBER, cross_images=all|half, crop=none, whole=SHARE, quantizer={'|'.join(KINDS)}, "
    "rotation=on"
)


def requested(text: str, demo_size: bool, seeds: int) -> tuple[str, ModelEntry, int]:
    """Name, model and number of seeds of `MODEL+key=value:SEEDS`."""
    name, _, own = text.partition(":")
    base, *changes = name.split("+")
    (entry,) = load_models([base], demo_size)
    for change in changes:
        key, _, value = change.partition("=")
        if key == "lr" and number(value):
            entry = with_phase(entry, lr=number(value), lr_end=number(value) / LR_FALL)
        elif key == "optimizer" and value in ("adamw", "muon"):
            entry = with_training(entry, optimizer=value)
        elif key == "cross_images" and value in ("all", "half"):
            entry = entry.model_copy(update={"objective": entry.objective.model_copy(update={key: value})})
        elif key == "quantizer" and value in KINDS:
            entry = with_quantizer(entry, kind=value)
        elif change == "rotation=on":
            entry = with_quantizer(entry, rotation=True)
        elif change == "crop=none":
            entry = with_phase(entry, crop=None)
        elif key == "whole" and (share := number(value)) and share < 1:
            first = entry.training.phases[0]
            last = first.model_copy(update={"crop": None, "steps": max(1, round(first.steps * share))})
            first = first.model_copy(update={"steps": max(1, round(first.steps * (1 - share)))})
            entry = with_training(entry, phases=(first, last))
        else:
            raise SystemExit(f"{text}: {change!r} is none of {CHANGES}")
    return name, entry, int(own) if own else seeds


def number(text: str) -> float | None:
    """The positive number that `text` is; None where it is none."""
    try:
        return max(float(text), 0.0) or None
    except ValueError:
        return None


def whole_from(entry: ModelEntry) -> float:
    """The share of the budget after which a model trains on whole volumes, as its first two phases have it."""
    first, *others = entry.training.phases
    if others and others[0].mode == "3d" and not others[0].crop:
        return first.steps / (first.steps + others[0].steps)
    return 1.0


def with_quantizer(entry: ModelEntry, **changes: object) -> ModelEntry:
    """The model with another quantiser."""
    return with_parameters(entry, quantizer=entry.parameters.get("quantizer", {}) | changes)

"""What a training sees, in voxels; and schedules that see as many as the full model's does."""

import math

from neuroquant import models
from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry, Phase, require_codebook_starts
from neuroquant.errors import InputError

PAIR = 2
"""Images of a session that has both modalities."""


def step_voxels(phase: Phase, shape: tuple[int, int, int], plane_axis: int | None) -> float:
    """Voxels of one step, if every session has both modalities.

    Parameters
    ----------
    shape : of the volumes.
    plane_axis : the only plane that a slice-wise model takes; None where slices come from all three in turn.

    Examples
    --------
    >>> step_voxels(Phase(mode="3d", batch=2, steps=1, lr=1e-3), (144, 192, 144), None) / (144 * 192 * 144)
    4.0
    """
    if phase.mode == "2d":
        sides = shape if plane_axis is None else (shape[plane_axis],)
        return phase.batch * PAIR * sum(math.prod(shape) / side for side in sides) / len(sides)
    return phase.batch * PAIR * math.prod(map(min, shape, phase.crop or shape))


def model_voxels(entry: ModelEntry, shape: tuple[int, int, int]) -> float:
    """Voxels that the whole training of a model sees, if every session has both modalities."""
    axis = models.plane_axis(entry.parameters)
    return sum(phase.steps * step_voxels(phase, shape, axis) for phase in entry.training.phases)


def with_budget(experiment: Experiment, where: str) -> Experiment:
    """The experiment as it is, or with every trained model's steps scaled to the voxels of the full model's training.

    Parameters
    ----------
    where : names the experiment's file in errors.

    Raises
    ------
    InputError
        If the full model isn't trained here, or too few steps remain for a codebook to start.
    """
    if experiment.budget == "own":
        return experiment
    full, shape = experiment.model(experiment.figure4.models[0]), experiment.volume.shape
    if not full.training.phases:
        raise InputError(
            f"{where}: budget", f"equal_voxels, with {full.name}, which isn't trained, first in figure4.models",
            "a full model with training.phases, whose voxels the others get",
            "put a trained model first in figure4.models, or set budget: own",
        )  # fmt: skip
    target = model_voxels(full, shape)
    # a model that exists already has seen others before, and keeps its own schedule
    entries = tuple(scaled(entry, target / model_voxels(entry, shape), where)
                 if entry.training.phases and entry.group != "trained_elsewhere" else entry
                 for entry in experiment.models)  # fmt: skip
    return experiment.model_copy(update={"models": entries})


def scaled(entry: ModelEntry, factor: float, where: str) -> ModelEntry:
    """The model with `factor` times the steps in every phase, warm-up included, and at least one step each."""
    phases = tuple(
        phase.model_copy(update={"steps": max(1, round(factor * phase.steps)), "warmup": round(factor * phase.warmup)})
        for phase in entry.training.phases
    )
    key = f"{where}: budget: equal_voxels, model {entry.name}"
    require_codebook_starts(key, phases, models.start_after(entry.architecture, entry.parameters))
    return entry.model_copy(update={"training": entry.training.model_copy(update={"phases": phases})})

"""`budget: equal_voxels` gives every trained model the voxels that the full model sees, and changes nothing else."""

import pathlib

import pytest
import yaml

from neuroquant.config.budget import model_voxels, scaled, step_voxels
from neuroquant.config.load import merge, resolve_experiment
from neuroquant.config.model import ModelEntry, Phase, Training
from neuroquant.errors import InputError

CONFIG = pathlib.Path(__file__).parents[2] / "config"
SHAPE = (32, 48, 16)


def experiment(**changes):
    """The demo, with other settings."""
    return resolve_experiment(merge(yaml.safe_load((CONFIG / "demo.yaml").read_text()), changes), CONFIG, "demo.yaml")


@pytest.mark.parametrize(
    ("phase", "axis", "voxels"),
    [
        (Phase(batch=3), None, 3 * 2 * 32 * 48 * 16),
        (Phase(batch=1, crop=(16, 16, 32)), None, 2 * 16 * 16 * 16),
        (Phase(mode="2d", batch=5), 2, 5 * 2 * 32 * 48),
        (Phase(mode="2d", batch=5), 0, 5 * 2 * 48 * 16),
        (Phase(mode="2d", batch=3), None, 2 * (48 * 16 + 32 * 16 + 32 * 48)),
    ],
)
def test_a_step_sees_both_images_of_its_sessions_as_volumes_pieces_or_slices(phase, axis, voxels):
    assert step_voxels(phase, SHAPE, axis) == voxels


def test_equal_voxels_evens_every_trained_model_and_leaves_the_full_one_and_the_others_as_they_are():
    own, even = experiment(), experiment(budget="equal_voxels")
    full = own.figure4.models[0]
    assert even.model(full) == own.model(full)
    target, trained = model_voxels(own.model(full), own.volume.shape), 0
    for before, after in zip(own.models, even.models, strict=True):
        if not before.training.phases:
            assert after == before
            continue
        trained += 1
        axis = after.parameters.get("axis")
        steps = [step_voxels(phase, own.volume.shape, axis) for phase in after.training.phases]
        sees = sum(each * phase.steps for each, phase in zip(steps, after.training.phases, strict=True))
        assert abs(sees - target) <= sum(steps) / 2, "to half a step of each phase"
        phases = [phase.model_copy(update={"steps": 1, "warmup": 0}) for phase in after.training.phases]
        assert phases == [phase.model_copy(update={"steps": 1, "warmup": 0}) for phase in before.training.phases]
    assert trained >= 9


def test_warm_up_and_phases_are_scaled_by_the_same_factor_and_never_to_nothing():
    phases = (Phase(steps=400, warmup=40), Phase(mode="2d", steps=200), Phase(mode="2d", steps=3))
    entry = ModelEntry(name="model", architecture="baselines.sd_vae", training=Training(phases=phases))
    found = scaled(entry, 0.1, "x").training.phases
    assert [(phase.steps, phase.warmup) for phase in found] == [(40, 4), (20, 0), (1, 0)]
    assert [phase.steps for phase in scaled(entry, 2.5, "x").training.phases] == [1000, 500, 8]


def test_resolving_again_what_was_evened_changes_nothing():
    even = experiment(budget="equal_voxels")
    assert resolve_experiment(even.model_dump(mode="json"), CONFIG, "resolved") == even


def test_a_codebook_that_would_never_start_and_a_full_model_without_training_are_refused():
    phases = (Phase(steps=400), Phase(mode="2d", steps=400))
    parameters = {"start_after": 50}
    entry = ModelEntry(name="q", architecture="neuroquant", parameters=parameters, training=Training(phases=phases))
    assert scaled(entry, 0.2, "x").training.phases[0].steps == 80
    with pytest.raises(InputError, match="40 steps on volumes.*never start") as caught:
        scaled(entry, 0.1, "mine.yaml")
    assert caught.value.where == "mine.yaml: budget: equal_voxels, model q: training.phases"
    nothing_starts = entry.model_copy(update={"parameters": parameters | {"quantizer": {"kind": "fsq"}}})
    assert scaled(nothing_starts, 0.1, "mine.yaml").training.phases[0].steps == 40
    with pytest.raises(InputError, match="mean, which isn't trained") as caught:
        experiment(budget="equal_voxels", figure4={"cohort": "synthetic_a", "models": ["mean"]})
    assert caught.value.where == "demo.yaml: budget"

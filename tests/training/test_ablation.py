"""The settings of table 2 and 'w/o joint training' are configurations of one model, each a step from the one before."""

from pathlib import Path

import pytest

from neuroquant import models
from neuroquant.config.load import read_yaml, resolve_experiment
from neuroquant.store.digest import differences

CONFIG = Path(__file__).parents[2] / "config"
NAMED = {"name", "label", "full_label", "published_as", "ablation_of"}
STEPS = {
    ("neuroquant_base", "neuroquant_fma"): {"parameters.attention: False became True"},
    ("neuroquant_fma", "neuroquant_film"): {"parameters.film: False became True"},
    ("neuroquant_film", "neuroquant_cross"): {"objective.cross: 0.0 became 0.5"},
    ("neuroquant_cross", "neuroquant"): {"objective.adversary: 0.0 became 0.001"},
}


@pytest.fixture
def entries():
    """The paper's models by name, resolved, JSON-ready, without what only names them."""
    demo = CONFIG / "demo.yaml"  # whose cohorts need no folder; without its sizes
    experiment = resolve_experiment(read_yaml(demo) | {"overrides": {}, "volume": {}}, CONFIG, str(demo))
    return {entry.name: entry.model_dump(mode="json", exclude=NAMED) for entry in experiment.models}


@pytest.mark.parametrize(("before", "after"), STEPS)
def test_a_model_of_table_2_adds_one_thing_to_the_one_above(entries, before, after):
    assert set(differences(entries[before], entries[after])) == STEPS[before, after]


def test_without_joint_training_the_slices_are_left_out_and_nothing_else(entries):
    full, without = entries["neuroquant"], entries["neuroquant_wo_joint"]
    assert [phase["mode"] for phase in full["training"].pop("phases")] == ["3d", "2d"]
    assert [phase["mode"] for phase in without["training"].pop("phases")] == ["3d"]
    assert differences(full, without) == ["training.joint: True became False"]


def test_the_models_are_one_architecture_at_the_papers_width(entries):
    for name in {name for pair in STEPS for name in pair}:
        assert entries[name]["architecture"] == "neuroquant"
        parameters = models.parameters_class("neuroquant").model_validate(entries[name]["parameters"])
        assert parameters.channels[3] == 256 and parameters.attention_blocks is None

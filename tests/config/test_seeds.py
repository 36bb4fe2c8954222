"""Each further seed of a model is an entry of its own that no table shows; seeds that can't be meant are refused."""

from pathlib import Path

import pytest

from neuroquant.config.load import resolve_experiment
from neuroquant.errors import InputError
from neuroquant.shipped import CONFIG


def resolved(training, **experiment):
    models = [
        {
            "name": "mine",
            "architecture": "neuroquant",
            "label": "Mine",
            "full_label": "All of mine",
            "training": training,
        },
        "sd_vae",
        "mean",
    ]
    raw = {"cohorts": ["synthetic_a"], "models": models, "volume": {"shape": [48, 64, 48]}, **experiment}
    return resolve_experiment(raw, CONFIG, "mine.yaml")


def test_each_further_seed_is_a_training_of_its_own_that_no_table_shows():
    experiment = resolved({"seeds": [4, 7, 1]})
    assert experiment.trainings("mine") == ("mine", "mine_seed7", "mine_seed1")
    assert [experiment.model(name).training.seed for name in experiment.trainings("mine")] == [4, 7, 1]
    assert [entry.name for entry in experiment.shown_models] == ["mine", "sd_vae", "mean"]
    assert experiment.table1.models == ("mine", "sd_vae", "mean")
    assert experiment.trainings("sd_vae") == ("sd_vae",)
    assert len({entry.in_legends for entry in experiment.models}) == len(experiment.models), "curves are told apart"


def test_several_seeds_leave_the_first_training_as_it_was():
    assert resolved({"seeds": [0, 1]}).model("mine") == resolved({}).model("mine")


@pytest.mark.parametrize(
    ("training", "key", "words"),
    [
        ({"seeds": [0, 1, 0]}, "training.seeds", "0 stands twice"),
        ({"seeds": []}, "training.seeds", "at least 1 entries"),
        ({"seeds": [0, 1], "seed": 2}, "training", "either seed or seeds"),
        ({"seeds": [0, "one"]}, "training.seeds.1", "integer"),
        ({"seeds": [0, "1"]}, "training.seeds.1", "integer"),
        ({"seeds": [True, 2]}, "training.seeds.0", "integer"),
        ({"seeds": [0, -1]}, "training.seeds.1", "greater than or equal to 0"),
        ({"seed": -1}, "training.seed", "greater than or equal to 0"),
        ({"seeds": "0, 1"}, "training.seeds", "a list of seeds"),
        ({"seeds": 3}, "training.seeds", "a list of seeds"),
    ],
)
def test_seeds_that_cant_be_meant_are_refused(training, key, words):
    with pytest.raises(InputError, match=words) as error:
        resolved(training)
    assert f"{key}\n" in str(error.value)


@pytest.mark.parametrize("key", [{"probe": {"seeds": [0, -2]}}, {"statistics": {"seed": -1}}, {"split": {"seed": -1}}])
def test_no_generator_gets_a_negative_seed(key):
    with pytest.raises(InputError, match="greater than or equal to 0"):
        resolved({}, **key)


def test_a_model_that_nothing_trains_has_one_seed():
    with pytest.raises(InputError, match="without training.phases"):
        resolved({"seeds": [0, 1], "phases": []})


def test_a_table_names_the_model_and_not_one_of_its_trainings():
    with pytest.raises(InputError, match="mine_seed1 is a training of mine"):
        resolved({"seeds": [0, 1]}, table1={"models": ["mine_seed1", "sd_vae"]})


def test_a_model_cant_take_the_name_of_a_training():
    models = [
        {"name": "mine", "architecture": "neuroquant", "training": {"seeds": [0, 1]}},
        {"name": "mine_seed1", "architecture": "neuroquant"},
    ]
    raw = {"cohorts": ["synthetic_a"], "models": models, "volume": {"shape": [48, 64, 48]}}
    with pytest.raises(InputError, match="two models are named 'mine_seed1'"):
        resolve_experiment(raw, Path(CONFIG), "mine.yaml")

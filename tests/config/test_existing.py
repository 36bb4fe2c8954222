"""A model that exists already: its folder says what it is, and an experiment that contradicts it is refused."""

import json
import os

import pytest
import yaml

from neuroquant import models
from neuroquant.config.load import resolve_experiment
from neuroquant.config.model import ModelEntry, ModelFolder
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.model_folder import save_model
from neuroquant.report.package.provenance import to_share
from neuroquant.weights.find import fetch_all, find_files
from tests.training.helpers import PARAMETERS
from tests.workflow.run import ROOT

PHASES = [{"mode": "3d", "steps": 3, "batch": 1}]
TRAINING = {"phases": PHASES}
SHAPE = [32, 32, 32]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of T1w and T2w at 2.5 mm, as training leaves its folder."""
    path = tmp_path_factory.mktemp("elsewhere") / "theirs"
    entry = ModelEntry(
        name="theirs", architecture="neuroquant", parameters=PARAMETERS, modalities=("T1w", "T2w"), latent="z_anat"
    )
    save_model(path, models.build("neuroquant", PARAMETERS), entry, Volume(shape=(16, 16, 16), voxel_mm=2.5), {})
    return path


def resolved(folder, beside=ROOT / "config", volume=None, kinds=("T1w", "T2w"), **entry):
    raw = {
        "experiment": "mine", "cohorts": ["synthetic_a"], "modalities": list(kinds),
        "models": [{"name": "mine", "weights": {"model_folder": str(folder)}, **entry}, "mean", "neuroquant_base"],
        "volume": {"shape": SHAPE} | (volume or {}), "budget": "own",
        "overrides": {"neuroquant": {"parameters": {"codebook_size": 7, "start_after": 1}, "training": TRAINING}},
    }  # fmt: skip
    return resolve_experiment(raw, beside, "mine.yaml")


def test_what_an_entry_does_not_state_is_as_the_folder_has_it_and_nothing_is_trained(folder):
    entry = resolved(folder).model("mine")
    assert (entry.architecture, entry.latent, entry.suffixes) == ("neuroquant", "z_anat", ("T1w", "T2w"))
    assert entry.parameters["codebook_size"] == PARAMETERS["codebook_size"], "overrides are of models trained here"
    assert entry.training.phases == () and entry.group == "trained_elsewhere"
    assert isinstance(entry.weights, ModelFolder) and find_files(entry)[0] == folder / "model.safetensors"
    fetch_all([entry])  # has nothing to get


def test_a_model_that_exists_already_is_trained_on_with_several_seeds(folder):
    experiment = resolved(folder, training={"phases": PHASES, "seeds": [3, 5]})
    assert experiment.trainings("mine") == ("mine", "mine_seed5")
    assert [experiment.model(name).training.seed for name in experiment.trainings("mine")] == [3, 5]
    assert resolve_experiment(experiment.model_dump(mode="json"), ROOT / "config", "resolved") == experiment


def test_a_resolved_experiment_resolves_to_itself(folder):
    for change in ({}, {"training": {"phases": PHASES}, "weights": {"model_folder": str(folder), "codebook": "keep"}}):
        experiment = resolved(folder, **change)
        plain = yaml.safe_load(yaml.safe_dump(experiment.model_dump(mode="json")))
        assert resolve_experiment(plain, ROOT / "config", "resolved") == experiment


def test_a_model_that_is_trained_on_learns_the_modalities_that_the_experiment_adds(folder):
    three = ("FLAIR", "T1w", "T2w")
    assert resolved(folder, kinds=three).model("mine").suffixes == ("T1w", "T2w"), "as it is"
    tuned = resolved(folder, kinds=three, training={"phases": PHASES}).model("mine")
    assert tuned.suffixes == ("T1w", "T2w", "FLAIR"), "its own keep their numbers"


def test_a_model_may_take_more_modalities_than_the_experiment_has(folder):
    assert resolved(folder, kinds=("T2w",)).model("mine").suffixes == ("T1w", "T2w")


def test_a_path_counts_from_the_working_folder_or_from_that_of_the_experiment(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(folder.parent)
    assert resolved("theirs").model("mine").weights.model_folder == "theirs"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELS", str(folder.parent))
    found = {resolved(path, folder.parent).model("mine").weights.model_folder for path in ("theirs", "$MODELS/theirs")}
    assert found == {str(folder)}


def test_a_model_of_the_hub_is_found_in_the_hubs_cache_and_keeps_its_id(folder, monkeypatch, tmp_path):
    commit = "0" * 40
    cache = tmp_path / "models--owner--name"
    for path in (cache / "refs", cache / "snapshots"):
        path.mkdir(parents=True)
    (cache / "refs/main").write_text(commit)
    os.symlink(folder, cache / "snapshots" / commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    experiment = resolved("owner/name")
    entry = experiment.model("mine")
    assert entry.weights.model_folder == "owner/name" and find_files(entry)[0].name == "model.safetensors"
    assert to_share(experiment)["models"][0]["weights"]["model_folder"] == "owner/name"
    with pytest.raises(InputError, match="hf download owner/name --revision v2"):
        resolved("owner/name", weights={"model_folder": "owner/name", "revision": "v2"})


def test_the_shared_configuration_names_no_folder_of_this_machine(folder):
    shared = to_share(resolved(folder))
    assert shared["models"][0]["weights"]["model_folder"] == "/path/to/theirs"
    assert str(folder.parent) not in yaml.safe_dump(shared)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architecture": "baselines.sd_vae"}, "architecture"),
        ({"parameters": {"codebook_size": 4096}}, "remove `parameters`"),
        ({"modalities": ["T1w"]}, "add T2w"),
        ({"modalities": ["T1w", "T2w", "FLAIR"]}, "remove FLAIR, or give training.phases"),
        ({"modalities": "T1w"}, "modalities"),
        ({"training": "none"}, "training"),
        ({"weights": {"model_folder": "nowhere/at/all"}}, "no model folder"),
        ({"weights": {"model_folder": "owner/name"}}, "hf download owner/name"),
        ({"weights": {"model_folder": "x" * 5000}}, "no model folder"),
        ({"weights": {"model_folder": 3}}, "the path of a model folder"),
        ({"weights": {"model_folder": "$NOBODY_SET_THIS/x"}}, "a variable that isn't set"),
        ({"weights": {"model_folder": "FOLDER", "codebok": "keep"}}, "did you mean `codebook`"),
        ({"weights": {"model_folder": "FOLDER", "codebook": "freeze"}}, "weights.codebook"),
        ({"weights": {"model_folder": "FOLDER", "filename": "x"}}, "unknown key `filename`"),
        ({"weights": {"filename": "x"}, "architecture": "neuroquant"}, "weights.licence"),
    ],
)
def test_what_contradicts_a_model_folder_is_refused_by_its_key(folder, monkeypatch, tmp_path, change, said):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    weights = change.get("weights", {})
    if weights.get("model_folder") == "FOLDER":
        change = {"weights": weights | {"model_folder": str(folder)}}
    with pytest.raises(InputError) as refused:
        resolved(folder, **change)
    assert said in str(refused.value) and "of a fold" not in str(refused.value), str(refused.value)


@pytest.mark.parametrize(
    ("volume", "said"),
    [
        ({"percentiles": [1, 99]}, "volume.percentiles"),
        ({"n4": True}, "volume.n4"),
        ({"voxel_mm": 1.0}, "volume.voxel_mm"),
        ({"shape": [32, 40, 32]}, "multiple of 16"),
    ],
)
def test_volumes_that_a_model_has_never_seen_the_like_of_are_refused(folder, volume, said):
    with pytest.raises(InputError, match=said):
        resolved(folder, volume=volume)
    assert resolved(folder, volume={"voxel_mm": 2.4}), "much the same"


def weights(folder, voxel_mm):
    return {"weights": {"model_folder": str(folder), "voxel_mm": voxel_mm}}


def test_volumes_may_be_resampled_for_a_model_of_other_voxels(folder):
    odd = {"voxel_mm": 1.0, "shape": [30, 34, 30]}
    experiment = resolve_experiment(
        {
            "experiment": "mine", "cohorts": ["synthetic_a"], "volume": odd,
            "models": [{"name": "mine", **weights(folder, 2.5)}, "mean"],
        },
        ROOT / "config", "mine.yaml",
    )  # fmt: skip
    assert experiment.model("mine").resampled_mm == 2.5, "sides that the network doesn't divide are no matter then"


@pytest.mark.parametrize(
    ("volume", "change", "said"),
    [
        ({"voxel_mm": 0}, {}, "isn't known"),
        ({"voxel_mm": 0.5}, {}, "too far from it"),
        ({"voxel_mm": 1.0}, {"training": TRAINING}, "models as they are"),
    ],
)
def test_what_cannot_be_resampled_is_refused(folder, volume, change, said):
    with pytest.raises(InputError, match=said):
        resolved(folder, volume=volume, **weights(folder, 2.5), **change)


def test_a_model_of_other_modalities_alone_is_refused(folder):
    with pytest.raises(InputError, match="model mine: modalities"):
        resolved(folder, kinds=("FLAIR", "PDw"))


def test_a_mean_image_of_other_sides_is_refused(tmp_path):
    entry = ModelEntry(name="mean", architecture="baselines.mean", parameters={"shape": [16, 16, 16]})
    network = models.build(entry.architecture, entry.parameters)
    save_model(tmp_path / "mean", network, entry, Volume(shape=(16, 16, 16)), {})
    with pytest.raises(InputError, match="volume.shape"):
        resolved(tmp_path / "mean")
    config = json.loads((tmp_path / "mean/config.json").read_text()) | {"format": 99}
    (tmp_path / "mean/config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="a newer version saved"):
        resolved(tmp_path / "mean")

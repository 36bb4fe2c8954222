"""A training that was interrupted ends as one that was not; a checkpoint serves its own run alone."""

import json
import os
import signal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from neuroquant.config.model import Objective, Training
from neuroquant.training import identity, loop
from tests.training.helpers import SD_VAE, STEPS, make_entry, train

ENTRIES = {
    "neuroquant": make_entry(),
    "sd_vae": make_entry(architecture="baselines.sd_vae", parameters=SD_VAE),
}


@pytest.fixture(scope="module")
def straight(tmp_path_factory, shards):
    """Weights of undisturbed runs."""
    return {name: train(tmp_path_factory.mktemp(name), shards[0], entry=entry) for name, entry in ENTRIES.items()}


@pytest.fixture
def trouble(monkeypatch):
    """`trouble(at, what)`: before the `at`-th step that is taken from now on, `what` happens once."""
    step, calls = loop.train_step, []

    def arrange(at, what):
        def disturbed(*arguments):
            calls.append(1)
            if len(calls) == at:
                what()
            return step(*arguments)

        monkeypatch.setattr(loop, "train_step", disturbed)
        return calls

    return arrange


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


class Killed(BaseException):
    """What a test can catch of a `kill -9`."""


def kill():
    raise Killed


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def interrupted(folder, shard, trouble, at=5):
    """Leave in `folder` a training that stopped after step `at`; returns its newest checkpoint."""
    trouble(at, terminate)
    with pytest.raises(loop.Interrupted):
        train(folder, shard)
    return sorted((folder / "checkpoints").glob("*.safetensors"))[-1]


@pytest.mark.parametrize(
    ("name", "at"),
    [("neuroquant", at) for at in (1, 2, 5, 6, 8)] + [("sd_vae", at) for at in (4, 7)],
)
def test_stopped_by_a_signal_and_resumed_it_ends_with_the_same_bits(tmp_path, shards, straight, trouble, name, at):
    calls = trouble(at, terminate)
    with pytest.raises(loop.Interrupted, match="same command again"):
        train(tmp_path, shards[0], entry=ENTRIES[name])
    torch.manual_seed(99)
    assert same(train(tmp_path, shards[0], entry=ENTRIES[name]), straight[name])
    assert len(calls) == STEPS  # no step was done twice


@pytest.mark.parametrize("at", [2, 5, 9])
def test_killed_outright_it_goes_on_from_the_last_checkpoint_to_the_same_bits(tmp_path, shards, straight, trouble, at):
    calls = trouble(at, kill)
    with pytest.raises(Killed):
        train(tmp_path, shards[0])
    torch.manual_seed(99)
    assert same(train(tmp_path, shards[0]), straight["neuroquant"])
    assert len(calls) == STEPS + 1 + (at - 1) % 3


def test_interrupted_several_times_it_still_ends_with_the_same_bits(tmp_path, shards, straight, trouble):
    for at in (2, 4, 9):
        trouble(at, terminate)
        with pytest.raises(loop.Interrupted):
            train(tmp_path, shards[0])
    assert same(train(tmp_path, shards[0]), straight["neuroquant"])


def test_a_signal_in_the_last_step_lets_the_training_end(tmp_path, shards, straight, trouble):
    trouble(STEPS, terminate)
    assert same(train(tmp_path, shards[0]), straight["neuroquant"])


def test_validation_does_not_touch_the_weights(tmp_path, shards, straight):
    assert same(train(tmp_path, shards[0], val=shards[1:], entry=ENTRIES["sd_vae"]), straight["sd_vae"])


def test_a_truncated_checkpoint_is_passed_over_for_the_one_before(tmp_path, shards, straight, trouble, capsys):
    newest = interrupted(tmp_path, shards[0], trouble)
    newest.write_bytes(newest.read_bytes()[:100])
    assert same(train(tmp_path, shards[0]), straight["neuroquant"])
    said = capsys.readouterr().err
    assert f"{newest}: passed over, not a whole checkpoint" in said and "going on from step 3 of 11" in said


def test_a_checkpoint_of_other_settings_is_set_aside_with_what_differs(tmp_path, shards, trouble, capsys):
    newest = interrupted(tmp_path, shards[0], trouble)
    train(tmp_path, shards[0], entry=make_entry(objective=Objective(l1=2.0)))
    assert "model.objective.l1: 1.0 became 2.0" in capsys.readouterr().err
    assert newest.with_suffix(".other-configuration").is_file()


def test_a_checkpoint_of_other_data_is_set_aside(tmp_path, shards, trouble, capsys):
    interrupted(tmp_path, shards[1], trouble)
    train(tmp_path, shards[0])
    assert "data: " in capsys.readouterr().err


def test_settings_that_change_no_weight_leave_a_checkpoint_usable(tmp_path, shards, straight, trouble, capsys):
    interrupted(tmp_path, shards[0], trouble)
    watched = Training(phases=make_entry().training.phases, log_every=4, checkpoint_every=8, val_sessions=2)
    assert same(train(tmp_path, shards[0], entry=make_entry(label="Other", training=watched)), straight["neuroquant"])
    assert "going on from step 5" in capsys.readouterr().err


def test_changed_code_repeats_a_finished_training_but_not_a_begun_one(tmp_path, shards, trouble, capsys, monkeypatch):
    interrupted(tmp_path, shards[0], trouble)
    monkeypatch.setattr(identity, "code_digest", lambda architecture: "other code")
    train(tmp_path, shards[0])
    said = capsys.readouterr().err
    assert "the code has changed" in said and "going on from step 5" in said
    monkeypatch.setattr(identity, "code_digest", lambda architecture: "yet other code")
    train(tmp_path, shards[0])
    said = capsys.readouterr().err
    assert "that one is finished, and the code has changed since" in said and "going on" not in said


def test_a_checkpoint_holds_no_subject_and_no_path(tmp_path, shards, trouble):
    with safe_open(interrupted(tmp_path, shards[0], trouble), framework="pt") as file:
        header = json.dumps(file.metadata())
    assert "strain0" not in header and str(shards[0].parent) not in header


def test_two_checkpoints_are_kept_and_no_torn_one(tmp_path, shards):
    torn = tmp_path / "checkpoints/.step-00000003.safetensors.abc.part"
    torn.parent.mkdir()
    torn.touch()
    train(tmp_path, shards[0])
    names = [path.name for path in sorted((tmp_path / "checkpoints").iterdir())]
    assert names == ["step-00000009.safetensors", "step-00000011.safetensors"]


def test_a_checkpoint_of_a_network_with_other_tensors_is_set_aside(tmp_path, shards, straight, trouble, capsys):
    newest = interrupted(tmp_path, shards[0], trouble)
    with safe_open(newest, framework="pt") as file:
        tensors, header = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    del tensors["model.quantizer.count"]
    save_file(tensors, newest, metadata=header)
    assert same(train(tmp_path, shards[0]), straight["neuroquant"])
    assert "1 missing (quantizer.count)" in capsys.readouterr().err

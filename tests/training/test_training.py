"""Whole trainings: what they write, that they learn, and errors that say what to try."""

import json

import numpy as np
import pytest

from neuroquant.config.model import Phase, Training
from neuroquant.errors import InputError
from neuroquant.files import read_tsv
from neuroquant.training.schedule import learning_rate, total_steps
from tests.training.helpers import PARAMETERS, PHASES, make_entry, train, write_volumes


@pytest.fixture(scope="module")
def trained(tmp_path_factory, shards):
    """A folder with a whole training."""
    folder = tmp_path_factory.mktemp("trained")
    train(folder, shards[0], shards[1:])
    return folder


def test_a_log_row_comes_every_few_steps_and_at_each_checkpoint(trained):
    log = read_tsv(trained / "model/training.tsv", ("step", "loss", "val_psnr", "perplexity", "grad_norm"))
    assert list(log.step) == [2, 3, 4, 6, 8, 9, 10, 11]
    assert list(log["mode"]) == ["3d"] * 4 + ["2d"] * 4 and list(log.phase) == ["1"] * 4 + ["2"] * 4
    assert log.loss.notna().all() and (log.grad_norm > 0).all()
    assert list(log.step[log.val_psnr.notna()]) == [3, 6, 9, 11]
    assert (log.perplexity[(log.step > 2) & (log["mode"] == "3d")] >= 1).all()
    assert {"l1", "ssim", "vq", "cross", "adversary", "lr", "seconds", "usage"} <= set(log.columns)


def test_a_term_that_a_phase_or_a_codebook_at_rest_lacks_is_an_empty_cell_and_no_zero(trained):
    log = read_tsv(trained / "model/training.tsv").set_index("mode")
    for name in ("vq", "cross", "adversary"):
        assert (log.loc["3d", name] != "").all() and (log.loc["2d", name] == "").all(), name
    for name in ("usage", "perplexity"):
        assert (log.loc["2d", name] == "").all(), "slices don't update the codebook: its last numbers would be stale"
        assert log.loc["3d", name].iloc[0] == "" and (log.loc["3d", name].iloc[1:] != "").all(), (
            "it starts after 2 steps"
        )


def test_no_row_of_the_log_mixes_two_phases(tmp_path, shards):
    phases = tuple(phase.model_copy(update={"steps": steps}) for phase, steps in zip(PHASES, (5, 4), strict=True))
    train(tmp_path, shards[0], entry=make_entry(training=Training(phases=phases, log_every=3, checkpoint_every=100)))
    log = read_tsv(tmp_path / "model/training.tsv", ("step",))
    assert list(zip(log.step, log["mode"], strict=True)) == [(3, "3d"), (5, "3d"), (6, "2d"), (9, "2d")]
    assert (log.adversary != "").tolist() == [True, True, False, False]


def test_provenance_says_what_was_trained_on_what_and_names_nobody(trained, shards):
    text = (trained / "model/provenance.json").read_text()
    facts = json.loads(text)
    assert facts["sessions"] == 4 and facts["steps"] == 11 and facts["resumed_at_step"] == 0
    assert facts["voxel_mm"] == 1.0, "of the shards: what a scan must have to be encoded"
    assert facts["voxels_seen"] == 6 * 2 * 2 * 16**3 + 5 * 3 * 2 * 16**2, "steps x sessions x two images x voxels"
    assert facts["parameters"] > 1000 and facts["seconds"] > 0 and "torch" in facts["packages"]
    assert len(facts["training_data"]) == 64 and len(facts["code"]) == 16
    assert "strain" not in text and str(shards[0].parent) not in text


def test_the_same_settings_and_seed_give_the_same_bytes(trained, tmp_path, shards):
    train(tmp_path, shards[0])
    assert (tmp_path / "model/model.safetensors").read_bytes() == (trained / "model/model.safetensors").read_bytes()


def test_another_seed_gives_other_weights(trained, tmp_path, shards):
    seed = make_entry().training.model_copy(update={"seed": 1})
    train(tmp_path, shards[0], entry=make_entry(training=seed))
    assert (tmp_path / "model/model.safetensors").read_bytes() != (trained / "model/model.safetensors").read_bytes()


def test_divergence_stops_with_what_to_try_and_saves_nothing(tmp_path, shards):
    phases = (Phase(steps=8, batch=1, lr=1e30, lr_end=1e30),)
    wild = make_entry(training=Training(phases=phases, grad_clip=0, log_every=2, checkpoint_every=2))
    with pytest.raises(InputError, match=r"lower training.phases\[\].lr"):
        train(tmp_path, shards[0], entry=wild)
    assert not list(tmp_path.glob("checkpoints/*")) and not (tmp_path / "model/model.safetensors").exists()


@pytest.mark.parametrize(("phases", "start_after"), [(PHASES, 6), (PHASES[1:], 0)])
def test_a_codebook_that_can_never_start_is_refused_before_the_first_step(tmp_path, shards, phases, start_after):
    schedule = Training(phases=phases, log_every=1, checkpoint_every=1)
    entry = make_entry(parameters={**PARAMETERS, "start_after": start_after}, training=schedule)
    with pytest.raises(InputError, match="more steps on volumes than parameters.start_after"):
        train(tmp_path, shards[0], entry=entry)
    assert not list(tmp_path.rglob("*.*")), "no checkpoint, no log"


def test_no_training_session_is_an_error_that_says_where_they_went(tmp_path):
    with pytest.raises(InputError, match="excluded.tsv"):
        train(tmp_path, write_volumes(tmp_path / "empty.h5", subjects=0))


def test_a_cohort_of_single_modality_sessions_trains(tmp_path):
    train(tmp_path, write_volumes(tmp_path / "single.h5", subjects=3, only_t1=3))
    assert (tmp_path / "model/model.safetensors").exists()


def test_the_schedule_is_the_papers():
    phases = Training().phases
    assert total_steps(phases) == 125_000 and [phase.mode for phase in phases] == ["3d", "2d"]
    assert learning_rate(phases[0], 500) == pytest.approx(1e-4, rel=1e-3), "after a warm-up of 500 steps"
    assert learning_rate(phases[0], 99_999) == pytest.approx(4.5e-6)
    rates = [learning_rate(phases[0], step) for step in range(500, 100_000, 5000)]
    assert np.all(np.diff(rates) < 0)
    assert learning_rate(phases[1], 0) == learning_rate(phases[1], 24_999) == pytest.approx(4.5e-6)
    warm = Phase(warmup=99)
    assert [learning_rate(warm, step) for step in (0, 49, 99)] == pytest.approx([1e-6, 5e-5, 1e-4], rel=1e-5)
    assert learning_rate(warm, 99_999) == pytest.approx(4.5e-6)


def test_training_learns(tmp_path, shards):
    phases = (Phase(steps=40, batch=1, lr=5e-3, lr_end=1e-3),)
    train(tmp_path, shards[0], entry=make_entry(training=Training(phases=phases, log_every=10, weight_decay=0)))
    log = read_tsv(tmp_path / "model/training.tsv", ("l1",))
    assert log.l1.iloc[-1] < 0.75 * log.l1.iloc[0]

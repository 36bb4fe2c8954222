"""Training: exact resume, the right losses on the right batches, and errors that say what to try."""

import os
import signal

import numpy as np
import pytest
import torch
from helpers import write_volumes
from safetensors.torch import load_file

from neuroquant import models
from neuroquant.config.model import ModelRow, Objective, Phase, Training
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.files import read_tsv
from neuroquant.training import run
from neuroquant.training.data import Loader, Sessions
from neuroquant.training.objective import losses
from neuroquant.training.schedule import learning_rate, place

torch.set_num_threads(1)
PARAMETERS = {
    "channels": (4, 8, 8, 8),
    "codebook_size": 12,
    "code_dim": 6,
    "c_m": 4,
    "c_s": 4,
    "film_hidden": 8,
    "start_after": 2,
}
VOLUME = Volume(shape=(16, 16, 16))
PHASES = (Phase(steps=6, batch=2, lr=1e-3, lr_end=1e-4), Phase(mode="2d", steps=5, batch=3, lr=1e-4, lr_end=1e-4))


def row(**changes) -> ModelRow:
    schedule = Training(phases=PHASES, log_every=2, checkpoint_every=3, val_sessions=1)
    return ModelRow(
        **{"name": "row", "architecture": "neuroquant", "parameters": PARAMETERS, "training": schedule, **changes}
    )


def train(folder, shard, val=(), the_row=None):
    run.train(the_row or row(), VOLUME, [shard], list(val), folder / "model", folder / "checkpoints", "cpu", 1, {})
    return load_file(folder / "model" / "model.safetensors")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    return write_volumes(folder / "train.h5"), write_volumes(folder / "val.h5", "val", 2, 1)


def test_training_writes_a_whole_model_folder_and_a_log(tmp_path, shards):
    train(tmp_path, shards[0], shards[1:])
    log = read_tsv(tmp_path / "model/training.tsv", ("step", "loss", "val_psnr", "perplexity"))
    assert list(log.step) == [2, 3, 4, 6, 8, 9, 10, 11]
    assert log.loss.notna().all() and log.val_psnr.notna().any() and (log.perplexity >= 1).all()
    assert {"l1", "ssim", "vq", "cross", "adversary"} <= set(log.columns)


@pytest.mark.parametrize("stop_at", [1, 3, 4, 6, 7, 10])
@pytest.mark.parametrize("architecture", ["neuroquant", "baselines.sd_vae"])
def test_a_run_that_was_stopped_and_resumed_ends_with_the_same_bits(
    tmp_path, shards, monkeypatch, stop_at, architecture
):
    changes = {}
    if architecture != "neuroquant":
        small = {"block_out_channels": (4, 4, 4, 4), "layers_per_block": 1, "norm_num_groups": 2}
        changes = {"architecture": architecture, "parameters": small}
    straight = train(tmp_path / "straight", shards[0], the_row=row(**changes))
    step, calls = run.train_step, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(*arguments)

    monkeypatch.setattr(run, "train_step", interrupted)
    with pytest.raises(run.Interrupted, match="same command again"):
        train(tmp_path / "resumed", shards[0], the_row=row(**changes))
    torch.manual_seed(99)
    resumed = train(tmp_path / "resumed", shards[0], the_row=row(**changes))
    assert len(calls) == 11
    for name, tensor in straight.items():
        assert torch.equal(tensor, resumed[name]), name


def test_a_truncated_checkpoint_is_passed_over_for_the_one_before(tmp_path, shards, capsys):
    straight = train(tmp_path, shards[0])
    newest = sorted((tmp_path / "checkpoints").glob("*.safetensors"))[-1]
    newest.write_bytes(newest.read_bytes()[:100])
    again = train(tmp_path, shards[0])
    assert "not a whole checkpoint" in capsys.readouterr().err
    assert all(torch.equal(straight[name], again[name]) for name in straight)


def test_a_checkpoint_of_another_configuration_is_set_aside_and_named(tmp_path, shards, capsys):
    train(tmp_path, shards[0])
    train(tmp_path, shards[0], the_row=row(objective=Objective(l1=2.0)))
    assert "another row" in capsys.readouterr().err
    assert list((tmp_path / "checkpoints").glob("*.other-configuration"))


def test_divergence_stops_with_what_to_try(tmp_path, shards):
    wild = row(training=Training(phases=(Phase(steps=8, batch=1, lr=1e30, lr_end=1e30),), grad_clip=0, log_every=2))
    with pytest.raises(InputError, match=r"lower training.phases\[\].lr"):
        train(tmp_path, shards[0], the_row=wild)


def test_no_training_session_is_an_error_that_says_where_they_went(tmp_path):
    with pytest.raises(InputError, match="excluded.tsv"):
        train(tmp_path, write_volumes(tmp_path / "empty.h5", subjects=0))


def batch_of(shards, mode, plane_axis=None, **changes):
    loader = Loader(Sessions([shards]), Phase(mode=mode, steps=9, batch=3, **changes), 0, 0, plane_axis)
    return [loader.batch(step) for step in range(9)]


def test_a_batch_is_a_function_of_seed_and_step_alone(shards):
    first, again = batch_of(shards[0], "3d"), batch_of(shards[0], "3d")
    assert all(torch.equal(a.x, b.x) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].x, first[1].x)


def test_every_session_is_seen_once_an_epoch():
    class Fake(Sessions):
        def __init__(self):
            self.images = [[]] * 7

    order = Fake().order(3, 0, 21)
    for epoch in range(3):
        assert sorted(order[7 * epoch : 7 * epoch + 7]) == list(range(7))


def test_slices_come_from_all_three_planes_and_show_brain(shards):
    batches = batch_of(shards[0], "2d")
    assert {batch.plane for batch in batches} == {0, 1, 2}
    for batch in batches:
        assert batch.x.shape[2 + batch.plane] == 1
        assert (batch.x > -1).flatten(1).any(1).all()
        pairs = batch.partner[batch.partner]
        assert torch.equal(pairs, torch.arange(len(pairs)))


def test_a_slicewise_model_gets_its_own_plane_only(shards):
    assert {batch.plane for batch in batch_of(shards[0], "2d", plane_axis=2)} == {2}


def test_slices_train_by_reconstruction_alone(shards):
    torch.manual_seed(0)
    model = models.build("neuroquant", PARAMETERS).train()
    volumes, slices = batch_of(shards[0], "3d")[0].to("cpu"), batch_of(shards[0], "2d")[0].to("cpu")
    assert set(losses(model, volumes, Objective())) == {"l1", "ssim", "vq", "cross", "adversary"}
    assert set(losses(model, slices, Objective())) == {"l1", "ssim"}


def test_sessions_with_one_modality_train_without_a_cross_term(tmp_path):
    torch.manual_seed(0)
    shard = write_volumes(tmp_path / "mixed.h5", subjects=2, only_t1=2)
    batch = batch_of(shard, "3d")[0].to("cpu")
    assert (batch.partner == -1).all()
    terms = losses(models.build("neuroquant", PARAMETERS).train(), batch, Objective())
    assert terms["cross"] == 0 and terms["l1"].isfinite()


def test_the_cross_term_compares_with_the_other_modality(shards):
    torch.manual_seed(0)
    model = models.build("neuroquant", PARAMETERS).train()
    batch = batch_of(shards[0], "3d")[0].to("cpu")
    encoded = model.encode_train(batch.x)
    film = model.film(encoded.z_mod, batch.modality)
    swapped = model.decode_with(encoded.z_q[batch.partner], film)
    terms = losses(model, batch, Objective(cross=1.0))
    torch.testing.assert_close(terms["cross"], (swapped - batch.x).abs().mean(), atol=1e-3, rtol=1e-3)


def test_the_schedule_is_the_papers():
    phases = Training().phases
    assert place(phases, 99_999) == (0, 99_999) and place(phases, 100_000) == (1, 0)
    assert learning_rate(phases[0], 0) == pytest.approx(1e-4)
    assert learning_rate(phases[0], 99_999) == pytest.approx(4.5e-6)
    rates = [learning_rate(phases[0], step) for step in range(0, 100_000, 5000)]
    assert np.all(np.diff(rates) < 0)
    assert learning_rate(phases[1], 0) == learning_rate(phases[1], 24_999) == pytest.approx(4.5e-6)


def test_training_learns(tmp_path, shards):
    better = row(
        training=Training(phases=(Phase(steps=60, batch=2, lr=5e-3, lr_end=1e-3),), log_every=20, weight_decay=0)
    )
    train(tmp_path, shards[0], the_row=better)
    log = read_tsv(tmp_path / "model/training.tsv", ("l1",))
    assert log.l1.iloc[-1] < 0.6 * log.l1.iloc[0]

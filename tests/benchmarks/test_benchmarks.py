"""Each benchmark runs at its smallest setting, and measures what it says."""

import json
import time

import numpy as np
import pandas as pd
import pytest
import torch

from neuroquant import models
from neuroquant.config.model import Phase
from neuroquant.config.volume import Volume
from neuroquant.model_folder import save_model
from neuroquant.models.neuroquant import plane
from neuroquant.training.data import Loader, Sessions
from tests.benchmarks.scripts import SHAPE, entries, printed

import adversary  # isort: skip
import disentanglement  # isort: skip
import import_time  # isort: skip
import inference  # isort: skip
import plane_attention  # isort: skip
import time_to_quality  # isort: skip
import train_step  # isort: skip

pytestmark = pytest.mark.slow


def test_the_package_is_imported_many_times_faster_than_torch(monkeypatch, capsys):
    monkeypatch.setattr(import_time, "STARTS", 2)
    ratios = {name: float(ratio.split()[0]) for name, _, ratio in printed(capsys, monkeypatch, import_time)}
    assert ratios["nothing"] == 1 and ratios["import neuroquant"] < ratios["import torch"] / 2


def test_upsampling_apart_computes_the_same():
    x, weight, bias = torch.randn(1, 3, 4, 5, 6), torch.randn(2, 3, 3, 3, 3), torch.randn(2)
    torch.testing.assert_close(
        train_step.apart(x, weight, bias), plane.upsampled_conv(x, weight, bias), atol=1e-4, rtol=1e-4
    )


def test_train_step_measures_both_phases(capsys, monkeypatch):
    sizes = ["--demo-size", "--shape", "32", "32", "32", "--pairs", "1", "--slices", "2", "--steps", "1"]
    lines = printed(capsys, monkeypatch, train_step, *sizes, "--device", "cpu")
    table = pd.DataFrame(lines[2:], columns=lines[1])
    kinds = ["float32", "float32, up-sampling apart", "in pieces", "norms recomputed", "attention recomputed"]
    assert list(table.phase) == ["3d"] * 5 + ["2d"] * 5 and list(table.variant) == 2 * kinds
    assert (table.s_a_step.astype(float) > 0).all() and (table["TFLOP/s"].astype(float) > 0).all()
    assert (table.loader_wait_s.astype(float) <= table.s_a_step.astype(float)).all()


def test_times_of_slices_begin_when_every_plane_was_seen(model_and_shard):
    sessions, phase = Sessions([model_and_shard[1]]), Phase(mode="2d", batch=4)
    steps = train_step.warm_up_of_planes(sessions, phase)
    with Loader(sessions, phase, 0, 0, None) as loader:
        assert {loader.batch(step).plane for step in range(steps)} == {0, 1, 2}


def test_processor_time_does_not_run_while_a_process_sleeps():
    begin, clock = train_step.now("cpu"), time_to_quality.clock_of("cpu")
    time.sleep(0.2)
    assert train_step.now("cpu") - begin < 0.1 and time_to_quality.clock_of("cpu") - clock < 0.1


def test_models_keep_what_sets_them_apart_at_both_sizes():
    for demo_size in (False, True):
        full, base = entries.load_models(["neuroquant", "neuroquant_base"], demo_size)
        assert full.parameters["film"] and not base.parameters["film"]
        assert full.parameters["channels"][-1] == (64 if demo_size else 256)


@pytest.fixture(scope="module")
def model_and_shard(tmp_path_factory, small_entry):
    folder = tmp_path_factory.mktemp("disentanglement")
    shard = train_step.write_smooth(folder / "test.h5", SHAPE, 6)
    torch.manual_seed(0)
    model = models.build(small_entry.architecture, small_entry.parameters)
    save_model(folder / "model", model, small_entry, Volume(shape=SHAPE), {})
    return folder / "model", shard


def test_disentanglement_prints_accuracies_and_errors_with_intervals(capsys, monkeypatch, model_and_shard):
    model, shard = model_and_shard
    lines = printed(
        capsys, monkeypatch, disentanglement, str(model), str(shard), "--bootstrap", "50", "--device", "cpu"
    )
    table = pd.DataFrame(lines[1:], columns=lines[0])
    assert set(table.by) == {"logistic regression", "convolutional network", "own codes", "swapped codes"}
    assert list(table[table.measure == "accuracy"].of) == ["z_anat", "z_anat", "z_q", "z_q", "z_mod", "z_mod"]
    errors = table[table.measure != "accuracy"]
    assert len(errors) == 3 * 2 * 2 and set(errors.by) == {"own codes", "swapped codes"}
    low, value, high = (table[name].astype(float) for name in ("low", "value", "high"))
    assert ((low <= value) & (value <= high)).all() and set(table.subjects) == {"6"}


def test_a_setting_of_the_adversary_reaches_objective_and_parameters(small_entry):
    entry = adversary.changed(small_entry, "adversary=1e-1+film_trunk=true+classifier_view=both")
    assert entry.objective.adversary == 0.1
    assert entry.parameters["film_trunk"] is True and entry.parameters["classifier_view"] == "both"
    with pytest.raises(SystemExit, match="no KEY=VALUE"):
        adversary.changed(small_entry, "advresary=1")


@pytest.mark.slow
def test_settings_of_the_adversary_are_compared_with_the_first(capsys, monkeypatch, tmp_path):
    for split in ("train", "test"):
        (tmp_path / "cohort").mkdir(exist_ok=True)
        train_step.write_smooth(tmp_path / "cohort" / f"{split}-000.h5", SHAPE, 3)
    settings = ("adversary=0", "adversary=1+cross=2")
    first, second = (
        dict(zip(adversary.COLUMNS, line, strict=True))
        for line in printed(
            capsys, monkeypatch, adversary, str(tmp_path), *settings, "--steps", "6", "--device", "cpu"
        )[1:]
    )
    assert (first["setting"], second["setting"]) == settings and float(first["cost_db"]) == 0
    assert float(first["psnr"]) - float(second["psnr"]) == pytest.approx(float(second["cost_db"]), abs=0.02)
    assert all(0 <= float(line["linear"]) <= 1 for line in (first, second))


def test_the_gap_between_slices_and_volumes_is_measured_for_both_settings(capsys, monkeypatch):
    monkeypatch.delenv("NEUROQUANT_TESTDATA", raising=False)
    lines = printed(
        capsys, monkeypatch, plane_attention, "--seeds", "1", "--steps", "2", "--slice-steps", "1", "--demo-size",
        "--subjects", "2", "--device", "cpu",
    )  # fmt: skip
    table = pd.DataFrame(lines[1:], columns=lines[0])
    assert list(table.plane_attention) == ["off", "off", "self", "self"]
    assert list(table.after) == ["volumes", "slices"] * 2
    measured = table[list(plane_attention.MEASURES)].astype(float)
    assert (measured > 0).all(axis=None) and np.isfinite(measured).all(axis=None)


@pytest.mark.parametrize(("model", "sides"), [("brlp", (16, 16, 16)), ("sd_vae", (16, 16, 32))])
def test_the_times_of_slices_are_scaled_to_a_volume(monkeypatch, model, sides):
    monkeypatch.setattr(inference, "SHAPE", sides)
    ticks = iter([0.0, 1.0, 3.0])
    monkeypatch.setattr(inference, "clock", lambda device: next(ticks))
    found = inference.measure(model, 4, 1, "cpu")
    scale = 1 if model == "brlp" else 32 / 4
    assert json.dumps(found) and found["model"] == model
    assert found["encode_s"] == scale and found["decode_s"] == 2 * scale and found["gb"] > 0.1
    assert found["parameters_m"] == pytest.approx({"brlp": 13.77, "sd_vae": 83.65}[model], rel=1e-3)

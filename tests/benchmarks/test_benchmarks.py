"""Each benchmark runs at its smallest setting, and measures what it says."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import account as accounting  # noqa: E402
import adversary  # noqa: E402
import disentanglement  # noqa: E402
import entries  # noqa: E402
import import_time  # noqa: E402
import inference  # noqa: E402
import plane_attention  # noqa: E402
import ranking  # noqa: E402
import time_to_quality  # noqa: E402
import train_step  # noqa: E402

from neuroquant import models  # noqa: E402
from neuroquant.config.model import Phase  # noqa: E402
from neuroquant.config.volume import Volume  # noqa: E402
from neuroquant.model_folder import save_model  # noqa: E402
from neuroquant.models.neuroquant import plane  # noqa: E402
from neuroquant.training.data import Loader, Sessions  # noqa: E402

pytestmark = pytest.mark.slow

SHAPE = (32, 32, 32)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def small_entry():
    (entry,) = entries.load_models(["neuroquant"], demo_size=True)
    return entries.with_parameters(entry, start_after=0)


def printed(capsys, monkeypatch, script, *arguments: str) -> list[list[str]]:
    """What a script prints, split at tabs."""
    monkeypatch.setattr(sys, "argv", [script.__name__, *arguments])
    script.main()
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def test_the_package_is_imported_many_times_faster_than_torch(monkeypatch, capsys):
    monkeypatch.setattr(import_time, "STARTS", 2)
    ratios = {name: float(ratio.split()[0]) for name, _, ratio in printed(capsys, monkeypatch, import_time)}
    assert ratios["nothing"] == 1 and ratios["import neuroquant"] < ratios["import torch"] / 2


def test_the_account_scales_with_the_voxels_but_for_attention_along_lines(small_entry):
    small, large, largest = (accounting.account(small_entry, (side, 32, 32), 1) for side in (32, 64, 96))
    for part in ("encoder", "decoder"):
        assert large.flop[part] == pytest.approx(2 * small.flop[part], rel=1e-3)
        grown = large.saved[part] - small.saved[part]  # what's left are up-sampling kernels, whatever the size
        assert largest.saved[part] - large.saved[part] == pytest.approx(grown, rel=0.001)
    assert large.flop["attention"] > 2 * small.flop["attention"]


def test_the_account_of_a_decoder_holds_its_forward_and_backward_pass(small_entry):
    """Eight products a voxel and channel for an up-sampling convolution; the backward pass has twice the operations."""
    bare = entries.with_parameters(small_entry, attention=False, film=False)
    flop = accounting.account(bare, SHAPE, 1).flop
    code, channels, head = (bare.parameters[key] for key in ("code_dim", "channels", "head_channels"))
    side, widths = SHAPE[0] // 2 ** len(channels), [*reversed(channels), head]
    images, forward = 2, 27 * code * widths[0] * side**3
    for inside, outside in zip(widths, widths[1:], strict=False):
        forward += 27 * inside**2 * side**3 + 8 * inside * outside * (2 * side) ** 3
        side *= 2
    forward += head * side**3
    assert flop["decoder"] == pytest.approx(3 * 2 * images * forward, rel=0.01)
    assert flop["attention"] == 0 and flop["rest"] < 0.05 * flop["decoder"]


def test_slices_are_accounted_for_part_by_part(small_entry):
    found = accounting.account(small_entry, SHAPE, 2, normal=1)
    assert all(value >= 0 for value in found.flop.values())
    assert min(found.flop[part] for part in ("encoder", "attention", "decoder", "SSIM")) > 0


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


def test_the_account_is_printed_beside_the_floor(capsys, monkeypatch):
    monkeypatch.setattr(train_step, "SETTINGS", accounting.SETTINGS[2:3])
    lines = printed(
        capsys, monkeypatch, train_step, "--account", "--demo-size", "--shape", "32", "32", "32", "--slices", "2"
    )
    firsts = [line[0] for line in lines]
    assert firsts.count("all") == 2 and firsts.count("floor") == 1
    assert firsts.count("bf16") == 2


def test_the_account_sees_what_precision_and_recomputation_save(small_entry):
    found = {setting: accounting.account(small_entry, SHAPE, 1, None, *setting) for setting in accounting.SETTINGS}
    exact, plain, bf16, compiled, norms, attention = (
        vars(a) | {"saved": sum(a.saved.values()), "flop": sum(a.flop.values())} for a in found.values()
    )
    assert exact["saved"] > plain["saved"] > bf16["saved"] > norms["saved"] > attention["saved"]
    assert bf16["saved"] > compiled["saved"] > norms["saved"], "compiled norms hand their gradients on"
    assert plain["moved"] > norms["moved"] > bf16["moved"] > compiled["moved"]
    assert bf16["launches"] > compiled["launches"] and bf16["flop"] == compiled["flop"]
    assert exact["flop"] == plain["flop"] == bf16["flop"] == norms["flop"] < attention["flop"]
    for setting in (exact, bf16):  # at least all bytes, and at most these and all operations one after the other
        least, bandwidth = setting["least_s"]["H100"], accounting.DEVICES["H100"][1]
        moved = setting["moved"] / bandwidth
        assert moved * (1 - 1e-9) <= least <= moved + setting["flop"] / 989e12
    assert bf16["least_s"]["H200"] < bf16["least_s"]["H100"]


def test_bytes_moved_are_those_of_each_operation_and_views_move_none():
    found = accounting.Account()
    with accounting.Traffic(found):
        x = torch.ones(4, 8)
        made, found.moved = found.moved, 0
        (x.T[None] + torch.ones(()).expand(1, 8, 4)).sum()
    assert made == 4 * 32
    assert found.moved == 4 + 4 * (32 + 1 + 32) + 4 * (32 + 1)


def test_times_of_slices_begin_when_every_plane_was_seen(model_and_shard):
    sessions, phase = Sessions([model_and_shard[1]]), Phase(mode="2d", batch=4)
    steps = train_step.warm_up_of_planes(sessions, phase)
    with Loader(sessions, phase, 0, 0, None) as loader:
        assert {loader.batch(step).plane for step in range(steps)} == {0, 1, 2}


def test_processor_time_does_not_run_while_a_process_sleeps():
    begin, clock = train_step.now("cpu"), time_to_quality.clock_of("cpu")
    time.sleep(0.2)
    assert train_step.now("cpu") - begin < 0.1 and time_to_quality.clock_of("cpu") - clock < 0.1


def test_quality_is_scored_at_even_times_of_training(capsys, monkeypatch):
    monkeypatch.delenv("NEUROQUANT_TESTDATA", raising=False)
    lines = printed(
        capsys, monkeypatch, time_to_quality, "neuroquant_base", "--demo-size", "--shape", "32", "32", "32",
        "--subjects", "2", "--seconds", "1", "--steps", "6", "--points", "2", "--seeds", "2", "--device", "cpu",
    )  # fmt: skip
    end = lines.index([""])
    table = pd.DataFrame(lines[1:end], columns=lines[0])
    assert list(table.model[table.budget == "fit"]) == ["mean", "pca"]
    trained = table[table.budget != "fit"]
    assert set(trained.model) == {"neuroquant_base"} and set(trained.scored_on) == {"held_out"}
    for _, runs in trained.groupby("budget"):
        assert list(runs.seed) == 4 * ["0"] + 4 * ["1"] and list(runs.weights) == 4 * ["plain", "average"]
        assert runs.quantised.iloc[-1] == "1" and runs.psnr[runs.weights == "plain"].nunique() == 4
    assert list(trained.steps[trained.budget == "6 steps"]) == ["3", "3", "6", "6"] * 2
    assert trained.seconds[trained.budget == "1 s"].astype(float).iloc[-1] >= 1
    assert table.psnr.astype(float).between(0, 60).all() and table.ssim.astype(float).between(-1, 1).all()
    assert trained.usage.astype(float).between(0, 1).all()
    ranked = pd.DataFrame(lines[end + 2 :], columns=lines[end + 1])
    assert list(ranked.budget) == 2 * ["1 s"] + 2 * ["6 steps"] and set(ranked.model) == {"pca", "neuroquant_base"}


def scored(budget: str, model: str, psnr: float, seed: int = 0, **others: object) -> dict[str, object]:
    """A line of scores on held-out volumes by the last step's weights."""
    line = {"budget": budget, "model": model, "seed": seed, "weights": "plain", "scored_on": "held_out", "psnr": psnr}
    return line | {"ssim": 0.5} | others


FITTED = (scored("fit", "mean", 17.0), scored("fit", "pca", 17.6))


def test_models_that_are_not_above_the_mean_image_get_no_rank():
    lines = [*FITTED, scored("9 s", "level", 17.0), scored("9 s", "good", 20.0), scored("9 s", "bad", 11.0)]
    ranks = {line["model"]: line["rank"] for line in ranking.ranking(lines)}
    assert ranks == {"good": 1, "pca": 2, "level": ranking.BELOW, "bad": ranking.BELOW}


def test_a_rank_is_of_the_last_plain_scores_on_held_out_volumes_over_seeds():
    lines = [
        *FITTED,
        scored("9 s", "a", 30.0), scored("9 s", "a", 20.0), scored("9 s", "a", 21.0, seed=1),
        scored("9 s", "b", 20.1), scored("9 s", "b", 40.0, weights="average"),
        scored("9 s", "b", 40.0, scored_on="real"), scored("8 steps", "b", 18.0),
    ]  # fmt: skip
    found = ranking.ranking(lines)
    assert [(line["budget"], line["model"]) for line in found] == [
        ("9 s", "a"), ("9 s", "b"), ("9 s", "pca"), ("8 steps", "b"), ("8 steps", "pca"),
    ]  # fmt: skip
    assert found[0]["psnr"] == 20.5 and found[0]["spread"] == 1.0 and found[0]["seeds"] == 2
    assert found[0]["above_mean"] == pytest.approx(3.5)


def test_a_run_that_was_stopped_is_ranked_from_its_lines(capsys, monkeypatch, tmp_path):
    pd.DataFrame([*FITTED, scored("9 s", "a", 16.0)]).to_csv(tmp_path / "raw.tsv", sep="\t", index=False)
    lines = printed(capsys, monkeypatch, ranking, str(tmp_path / "raw.tsv"))
    assert [line[1:3] for line in lines[1:]] == [["1", "pca"], ["below the mean image", "a"]]


def test_the_average_holds_the_codebook_and_leaves_the_model_as_it_was(small_entry):
    torch.manual_seed(0)
    model = models.build(small_entry.architecture, small_entry.parameters)
    average = time_to_quality.Average(model, 0.99)
    codes = []
    for value in (1.0, 3.0):
        model.quantizer.embedding.fill_(value)
        average.update()
        codes.append(value)
    with average.applied():
        # the first update has no older value to be averaged with
        expected = (0.99 * codes[0] + codes[1]) / 1.99
        torch.testing.assert_close(model.quantizer.embedding, torch.full_like(model.quantizer.embedding, expected))
    assert (model.quantizer.embedding == 3).all()


@pytest.mark.parametrize(
    "change", ["optimizer=sgd", "lr", "lr=fast", "lr=-1e-3", "depth=3", "whole=2", "crop=9", "quantizer=vq", "rotation"]
)
def test_a_change_of_training_that_is_none_is_refused(change):
    with pytest.raises(SystemExit, match="is none of"):
        time_to_quality.requested(f"neuroquant+{change}", True, 3)


def test_a_model_is_requested_with_changes_and_its_own_number_of_seeds():
    name, entry, seeds = time_to_quality.requested("neuroquant+optimizer=adamw+lr=4e-3+cross_images=all:1", True, 3)
    assert name == "neuroquant+optimizer=adamw+lr=4e-3+cross_images=all" and seeds == 1
    assert (entry.training.optimizer, entry.objective.cross_images) == ("adamw", "all")
    assert entry.training.phases[0].lr == 4e-3 and entry.training.phases[0].lr_end == pytest.approx(2e-4)


@pytest.mark.parametrize(("change", "crop", "share"), [("crop=none", None, 1.0), ("whole=0.25", (32, 32, 32), 0.75)])
def test_a_schedule_has_pieces_whole_volumes_or_the_one_behind_the_other(change, crop, share):
    _, entry, _ = time_to_quality.requested(f"neuroquant+{change}", True, 3)
    assert entry.training.phases[0].crop == crop
    assert time_to_quality.whole_from(entry) == pytest.approx(share, abs=0.01)


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


def test_a_kernel_that_is_compiled_reads_and_writes_each_map_once():
    counted, drawn = [], torch.randn(4, 8)
    for compiled in (False, True):
        found = accounting.Account()
        x, weight = drawn.clone().requires_grad_(), torch.ones(8, requires_grad=True)
        with accounting.Traffic(found) as traffic:

            def function(x, weight):
                return torch.nn.functional.silu(x * weight)

            y = accounting.OneKernel.apply(traffic, function, x, weight) if compiled else function(x, weight)
            y.backward(torch.ones(4, 8))
        counted.append((found, x.grad, weight.grad))
    (apart, *gradients), (fused, *same) = counted
    for one, other in zip(gradients, same, strict=True):
        torch.testing.assert_close(one, other)
    forward, backward = 2 * 128 + 32, 3 * 128 + 2 * 32 + 32
    assert fused.moved - 128 == forward + backward and fused.launches == 3 + 1, "and the ones that are made here"
    assert apart.moved > fused.moved


def test_a_norm_that_has_to_copy_its_input_moves_it_once_more():
    norm, found = torch.nn.LayerNorm(8, elementwise_affine=False), [accounting.Account(), accounting.Account()]
    for account, x in zip(found, (torch.ones(4, 8), torch.ones(8, 4).T), strict=True):
        with accounting.Traffic(account):
            norm(x)
    whole, strided = found
    assert strided.moved == whole.moved + 2 * 4 * 32 and strided.launches == whole.launches == 1


def test_a_quantiser_is_a_change_like_others_and_keeps_the_bits():
    for text, quantizer in (
        ("quantizer=fsq", {"kind": "fsq"}),
        ("quantizer=simvq+rotation=on", {"kind": "simvq", "rotation": True}),
        ("rotation=on", {"rotation": True}),
    ):
        name, entry, seeds = time_to_quality.requested(f"neuroquant+{text}:2", True, 3)
        assert (name, seeds, entry.parameters["quantizer"]) == (f"neuroquant+{text}", 2, quantizer)
        plain = time_to_quality.requested("neuroquant", True, 3)[1]
        bits = [models.bits("neuroquant", each.parameters, (32, 32, 32)) for each in (entry, plain)]
        assert bits[0] == bits[1]


def test_the_share_in_use_is_the_mean_of_the_codebooks_and_that_of_their_combinations():
    words = torch.tensor([[0, 0], [0, 1], [3, 1], [0, 1]])
    assert time_to_quality.shares_used(words, 4) == {"usage": (2 / 4 + 2 / 4) / 2, "joint": 3 / 16}
    assert time_to_quality.shares_used(words[:, :1], 4) == {"usage": 0.5, "joint": 0.5}

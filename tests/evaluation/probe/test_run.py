"""Probes learn from training subjects, are chosen on validation subjects, and open the test subjects last."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from neuroquant.config.evaluation import Probe
from neuroquant.evaluation.probe import finished, network, samples
from neuroquant.evaluation.probe import run as probing
from neuroquant.files import read_tsv
from neuroquant.store.arrays import ArrayFile, ArrayWriter
from neuroquant.tables import PREDICTIONS
from tests.training.helpers import write_volumes

pytestmark = pytest.mark.slow

torch.set_num_threads(1)


def write_latents(path, split, subjects, signal, seed=0, sexes="FM"):
    """Latents in which one channel tells the sex as far as `signal` says."""
    source = ArrayFile(write_volumes(path.with_suffix(".v.h5"), split, subjects))
    generator = np.random.default_rng(seed)
    records = [r for r in source.records if r.sex in sexes]
    with ArrayWriter(path, records, {"probe_latent": "z"}) as writer:
        writer.create("z", (3, 4, 4, 4), np.float16)
        for row, record in enumerate(records):
            z = generator.normal(size=(3, 4, 4, 4))
            z[1] += signal * (1 if record.sex == "F" else -1)
            writer.write("z", row, z)
    return path


def run_probe(tmp_path, signal=2.0, sexes="FM", test=(8, 2, "FM"), code="", **changes):
    """Predictions and log; `test`: subjects, seed and sexes of the test shard; `changes`: of the settings."""
    tmp_path.mkdir(exist_ok=True)
    count, seed, allowed = test
    shards = [
        [write_latents(tmp_path / "train.h5", "train", 16, signal, 0, sexes)],
        [write_latents(tmp_path / "val.h5", "val", 6, signal, 1, sexes)],
        [write_latents(tmp_path / "test.h5", "test", count, signal, seed, sexes if sexes == "F" else allowed)],
    ]
    known = {
        "depth": 50,
        "batch": 8,
        "lr": 0.05,
        "seeds": (0,),
        "permuted": False,
        "epochs": 2,
        "patience": 0,
    } | changes
    settings = Probe(**known | changes)
    task = probing.Task("m", settings, tmp_path / "kept", code, "cpu")
    probing.run_probes([(probing.Shards(*shards), task)], probing.Outputs(tmp_path / "p.tsv", tmp_path / "log.tsv"))
    return read_tsv(tmp_path / "p.tsv", ("probability",)), read_tsv(tmp_path / "log.tsv")


@pytest.fixture
def small(monkeypatch):
    """A network for 4 x 4 x 4 latents that trains in no time, with the running statistics and dropout of SEResNet."""

    def build(channels, settings, outputs=1):
        layers = (nn.BatchNorm3d(channels), nn.Flatten(), nn.Dropout(0.2), nn.Linear(64 * channels, 1))
        return nn.Sequential(*layers)

    for module in (probing, network):
        monkeypatch.setattr(module, "network_for", build)


def test_a_probe_finds_a_signal_that_is_there_and_predicts_test_subjects_only(tmp_path):
    predictions, log = run_probe(tmp_path)
    assert {s[:5] for s in predictions.subject} == {"stest"} and set(predictions.probe) == {
        "linear",
        "linear_permuted",
        "seresnet",
    }
    linear = predictions[predictions.probe == "linear"]
    assert (linear.predicted == linear.sex).mean() == 1
    shuffled = predictions[predictions.probe == "linear_permuted"]
    assert (shuffled.predicted == shuffled.sex).mean() < 1, "what shuffled labels teach is chance"
    assert len(predictions) == 8 * 2 * 3 and len(log) == 2 * 2


def test_models_probed_by_one_job_get_the_predictions_of_jobs_of_their_own(tmp_path, small):
    """The second model's network doesn't depend on what the first one drew."""
    probed = []
    for model, signal in (("first", 2.0), ("second", 0.5)):
        folder = tmp_path / model
        folder.mkdir()
        shards = [
            [write_latents(folder / f"{split}.h5", split, count, signal, seed)]
            for seed, (split, count) in enumerate((("train", 16), ("val", 6), ("test", 8)))
        ]
        settings = Probe(depth=50, batch=8, lr=0.05, seeds=(0,), permuted=False, epochs=2)
        probed.append((probing.Shards(*shards), probing.Task(model, settings, folder / "kept", "", "cpu")))

    def tables(chosen, folder):
        folder.mkdir()
        probing.run_probes(chosen, probing.Outputs(folder / "p.tsv", folder / "log.tsv"))
        return [read_tsv(folder / name) for name in ("p.tsv", "log.tsv")]

    for together, alone in zip(tables(probed, tmp_path / "both"), tables(probed[1:], tmp_path / "one"), strict=True):
        assert set(together.model) == {"first", "second"}
        assert together[together.model == "second"].reset_index(drop=True).equals(alone)


def test_no_test_shard_is_opened_before_everything_was_fitted(tmp_path, monkeypatch):
    """Watched where files are opened, so that no way round is overlooked."""
    seen = []

    def watched(name, call):
        def wrapper(*arguments):
            seen.append(arguments[0].stem if name == "open" else name)
            return call(*arguments)

        return wrapper

    monkeypatch.setattr(samples, "ArrayFile", watched("open", samples.ArrayFile))
    for name in ("fit", "fit_linear"):
        monkeypatch.setattr(probing, name, watched(name, getattr(probing, name)))
    run_probe(tmp_path)
    assert seen.count("fit") == seen.count("fit_linear") == 2 and {"train", "val", "test"} < set(seen)
    last = max(index for index, name in enumerate(seen) if name in ("fit", "fit_linear", "train", "val"))
    assert last < seen.index("test"), seen


def test_what_is_learned_does_not_hang_on_the_test_subjects(tmp_path):
    _, log = run_probe(tmp_path, epochs=1)
    _, other = run_probe(tmp_path / "other", epochs=1, test=(3, 99, "F"))
    assert len(log) and log.equals(other)


def test_training_stops_where_validation_subjects_bring_nothing_better(tmp_path, monkeypatch):
    ranks = iter([0.5, 0.8, 0.7, 0.8, 0.9, 0.9])

    def judge(probability, sample):
        assert {name[:6] for name in sample.subjects} == {"c/sval"}
        return {"val_balanced_accuracy": next(ranks), "val_loss": 1.0}

    monkeypatch.setattr(network, "judge", judge)
    monkeypatch.setattr(probing, "modalities_of", lambda shards: ["T1w"])
    _, log = run_probe(tmp_path, epochs=6, patience=2)
    assert list(log.val_balanced_accuracy) == [
        "0.5",
        "0.80000000000000004",
        "0.69999999999999996",
        "0.80000000000000004",
    ]


def test_the_weights_kept_are_those_of_the_best_epoch(tmp_path, monkeypatch):
    train, val = (
        probing.load([write_latents(tmp_path / f"{split}.h5", split, 8, 0.3, seed)], "", "T1w", Probe())
        for seed, split in enumerate(("train", "val"))
    )
    scale = probing.standardiser(train, 8)
    learning, settings = probing.Learning(train, val, scale), Probe(depth=50, epochs=4, batch=8, lr=0.3)
    trained, log = probing.fit(learning, settings, 0, "cpu", "m T1w")
    kept = network.judge(probing.predictor(trained, scale, "cpu", 8)(val), val)
    best = max(log, key=lambda row: (row["val_balanced_accuracy"], -row["val_loss"]))
    assert kept == pytest.approx({name: best[name] for name in kept}, abs=1e-5)


def test_a_model_without_latents_gives_empty_tables_and_the_log_says_why(tmp_path, capsys):
    shards = []
    for split in ("train", "val", "test"):
        records = list(ArrayFile(write_volumes(tmp_path / f"{split}.v.h5", split, 4)).records)
        shards.append([tmp_path / f"{split}.h5"])
        with ArrayWriter(shards[-1][0], records, {"probe_latent": ""}):
            pass
    files = (tmp_path / "p.tsv", tmp_path / "log.tsv")
    task = probing.Task("m", Probe(seeds=(0,)), tmp_path / "kept", "", "cpu")
    probing.run_probes([(probing.Shards(*shards), task)], probing.Outputs(*files))
    assert list(read_tsv(files[0]).columns) == PREDICTIONS and not len(read_tsv(files[0]))
    assert "m T2w: not probed" in capsys.readouterr().err


def test_a_probe_reads_no_codes_of_a_codec(tmp_path):
    with ArrayWriter(
        tmp_path / "a.h5", ArrayFile(write_volumes(tmp_path / "v.h5")).records, {"probe_latent": ""}
    ) as file:
        file.create("packed", (1, 1, 1, 9), np.int32)
    assert probing.load([tmp_path / "a.h5"], "", "T1w", Probe()) is None


def test_a_cohort_of_one_sex_gives_empty_tables_not_an_error(tmp_path):
    predictions, log = run_probe(tmp_path, sexes="F")
    assert len(predictions) == len(log) == 0 and "probability" in predictions


def test_latents_too_small_for_seresnet_are_repeated():
    assert samples.at_least(torch.zeros(2, 5, 1, 2, 9)).shape == (2, 5, 4, 4, 9)


def test_a_shard_without_sessions_takes_no_probe_away(tmp_path):
    """Where nobody falls into a shard no latent is written, and so there are no arrays in it."""
    with ArrayWriter(tmp_path / "a.h5", [], {"probe_latent": ""}):
        pass
    full = write_latents(tmp_path / "b.h5", "train", 4, 1.0)
    assert len(probing.load([tmp_path / "a.h5", full], "", "T1w", Probe()).rows) == 4


def test_channels_are_standardised_as_if_all_rows_were_in_memory(tmp_path):
    shards = [write_latents(tmp_path / f"{seed}.h5", "train", 7, 3.0, seed) for seed in (0, 1)]
    sample = probing.load(shards, "", "T2w", Probe())
    whole = sample.read(range(len(sample.rows)))
    scale = probing.standardiser(sample, 4)
    torch.testing.assert_close(scale(whole).mean((0, 2, 3, 4)), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(scale(whole).std((0, 2, 3, 4)), torch.ones(3))
    assert [len(x) for x in sample.batches(4)] == [4, 4, 4, 2] and sample.channels == 3


@pytest.mark.parametrize(
    ("array", "limit", "cube", "side"), [("image", 65_536, 4, 4), ("z", 4096, 1, 16), ("z", 4095, 4, 4)]
)
def test_volumes_and_latents_as_fine_as_they_are_averaged_and_the_sample_says_so(tmp_path, array, limit, cube, side):
    source = ArrayFile(write_volumes(tmp_path / "v.h5", "train", 2))
    with ArrayWriter(tmp_path / "z.h5", list(source.records), {"probe_latent": "z"}) as writer:
        writer.create("z", (1, 16, 16, 16), np.float16)
        for row, image in enumerate(source.view("image")):
            writer.write("z", row, image[None])
    shard = tmp_path / ("v.h5" if array == "image" else "z.h5")
    sample = probing.load([shard], array, "T1w", Probe(volume_downsample=4, max_voxels=limit))
    of = np.asarray(source.view("image")[0], np.float32)
    expected = of.reshape(side, cube, side, cube, side, cube).mean((1, 3, 5))
    np.testing.assert_allclose(sample.read([0])[0, 0].numpy(), expected, atol=5e-4)
    over = f", means over {cube}x{cube}x{cube} voxels" if cube > 1 else ""
    assert sample.array == f"{array} 1x{side}x{side}x{side}{over}"


def test_the_reference_probe_of_the_paper_sees_a_down_sampled_mri():
    assert tuple(side // Probe().volume_downsample for side in (144, 192, 144)) == (18, 24, 18)
    assert 144 * 18 * 24 <= Probe().max_voxels < 144 * 192 * 144, "slice-wise latents stay whole, `identity` doesn't"


def test_shuffled_sexes_teach_the_network_nothing(tmp_path, small):
    """Those of validation subjects are shuffled too, or the best epoch would be the one that is right by accident."""
    predictions, log = run_probe(tmp_path, permuted=True, epochs=5, lr=1.0)
    assert set(log.probe) == {"seresnet", "seresnet_permuted"} and set(log.array) == {"z 3x4x4x4"}
    right = (predictions.predicted == predictions.sex).groupby(predictions.probe).mean()
    assert right["seresnet"] > 0.9 > right["seresnet_permuted"]


def test_a_probe_that_was_killed_goes_on_with_the_next_seed_to_the_same_predictions(
    tmp_path, small, monkeypatch, capsys
):
    monkeypatch.setattr(finished, "AFTER", 0.0)
    once, log = run_probe(tmp_path / "once", seeds=(0, 1))
    fit, calls = probing.fit, []

    def killed(*arguments):
        calls.append(arguments[-1])
        if len(calls) == 4:
            raise KeyboardInterrupt
        return fit(*arguments)

    monkeypatch.setattr(probing, "fit", killed)
    with pytest.raises(KeyboardInterrupt):
        run_probe(tmp_path / "twice", seeds=(0, 1))
    twice, other = run_probe(tmp_path / "twice", seeds=(0, 1))
    assert calls[3:] == ["m T2w seresnet seed 1"] * 2, "the other three are not trained again"
    assert capsys.readouterr().err.count("taken up") == 3
    assert twice.equals(once) and other.equals(log)
    assert not (tmp_path / "twice/kept").exists(), "what is done needs no networks to go on from"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": "new"}, "code: old became new"),
        ({"lr": 0.1}, "settings.lr: 0.05 became 0.1"),
        ({"signal": 1.0}, "data.train"),
    ],
)
def test_what_was_trained_of_something_else_is_not_taken_up(tmp_path, small, monkeypatch, capsys, change, said):
    monkeypatch.setattr(probing.shutil, "rmtree", lambda *arguments, **named: None)
    monkeypatch.setattr(finished, "AFTER", 0.0)
    run_probe(tmp_path, **{"epochs": 1, "code": "old"})
    run_probe(tmp_path, **{"epochs": 1, "code": "old"} | change)
    told = capsys.readouterr().err
    assert told.count("passed over") == 2 and said in told and "taken up" not in told


def test_a_job_that_is_soon_done_writes_no_networks_and_a_long_one_all_that_it_has(tmp_path, monkeypatch):
    keeper, line, clock = finished.Keeper(tmp_path), torch.nn.Linear(2, 1), iter([299.0, 301.0])
    monkeypatch.setattr(finished.time, "monotonic", lambda begin=keeper._begin: begin + next(clock))
    keeper.keep("first", (line, []), {})
    assert not list(tmp_path.iterdir())
    keeper.keep("second", (line, []), {})
    assert {path.stem for path in tmp_path.iterdir()} == {"first", "second"}


def test_a_torn_file_is_passed_over(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(finished, "AFTER", 0.0)
    keeper, path = finished.Keeper(tmp_path), tmp_path / "a.safetensors"
    keeper.keep("a", (torch.nn.Linear(2, 1), []), {"settings": 1})
    path.write_bytes(path.read_bytes()[:-4])
    assert keeper.take_up("a", lambda: torch.nn.Linear(2, 1), {"settings": 1}) is None
    assert "not whole" in capsys.readouterr().err


MEMORY = """
import resource, sys
from pathlib import Path
import torch
from torch import nn
from neuroquant.config.evaluation import Probe
from neuroquant.evaluation.probe import network
from neuroquant.evaluation.probe import run as probe

class Small(nn.Sequential):
    def __init__(self, channels, settings, outputs=1):
        super().__init__(nn.AdaptiveAvgPool3d(4), nn.Flatten(), nn.Linear(64 * channels, 1))

network.network_for = Small
folder, more = Path(sys.argv[1]), int(sys.argv[2])
files = ([folder / f"{split}.h5"] for split in ("train", "val", "test"))
settings = Probe(epochs=1, batch=8, seeds=(0,))
task = lambda out: probe.Task("m", settings, out / "k", "", "cpu")
run = lambda s, out: probe.run_probes([(probe.Shards(*s), task(out))], probe.Outputs(out / "p", out / "l"))
run([[folder / "val.h5"]] * 3, folder / "warm")
used = int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + more, used + more))
run(files, folder / "out")
"""


def test_the_rows_of_a_large_cohort_are_never_in_memory_together(tmp_path):
    """48 MB of latents on disk, 96 in float32, with 40 MB to work in: memory maps don't count, copies do."""
    for split, count in (("train", 192), ("val", 8), ("test", 8)):
        source = ArrayFile(write_volumes(tmp_path / f"{split}.v.h5", split, count))
        with ArrayWriter(tmp_path / f"{split}.h5", list(source.records), {"probe_latent": "z"}) as writer:
            writer.create("z", (2, 32, 32, 32), np.float16)
            for row in range(len(source)):
                writer.write("z", row, np.full((2, 32, 32, 32), row % 7, np.float16))
    run = [sys.executable, "-c", MEMORY, str(tmp_path), str(40 * 2**20)]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "out/p").exists()

"""Probes learn from training subjects, are chosen on validation subjects, and open the test subjects last."""

import numpy as np
import pytest
import torch
from helpers import write_volumes

from neuroquant.config.evaluation import Probe
from neuroquant.evaluation import probe as probing
from neuroquant.files import read_tsv
from neuroquant.volumes.store import ArrayFile, ArrayWriter

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


def run_probe(tmp_path, signal=2.0, sexes="FM", epochs=2, patience=0, test=(8, 2, "FM")):
    """Predictions and log; `test`: subjects, seed and sexes of the test shard."""
    tmp_path.mkdir(exist_ok=True)
    count, seed, allowed = test
    shards = [
        [write_latents(tmp_path / "train.h5", "train", 16, signal, 0, sexes)],
        [write_latents(tmp_path / "val.h5", "val", 6, signal, 1, sexes)],
        [write_latents(tmp_path / "test.h5", "test", count, signal, seed, sexes if sexes == "F" else allowed)],
    ]
    settings = Probe(depth=50, epochs=epochs, patience=patience, batch=8, lr=0.05, seeds=(0,))
    probing.run_probe(*shards, "", "m", settings, tmp_path / "p.tsv", tmp_path / "log.tsv", "cpu", 1)
    return read_tsv(tmp_path / "p.tsv", ("probability",)), read_tsv(tmp_path / "log.tsv")


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


def test_no_test_shard_is_opened_before_everything_was_fitted(tmp_path, monkeypatch):
    """Watched where files are opened, so that no way round is overlooked."""
    seen = []

    def watched(name, call):
        def wrapper(*arguments):
            seen.append(arguments[0].stem if name == "open" else name)
            return call(*arguments)

        return wrapper

    monkeypatch.setattr(probing, "ArrayFile", watched("open", probing.ArrayFile))
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
        assert {name[:4] for name in sample.subjects} == {"sval"}
        return {"val_balanced_accuracy": next(ranks), "val_loss": 1.0}

    monkeypatch.setattr(probing, "judge", judge)
    monkeypatch.setattr(probing, "MODALITIES", ("T1w",))
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
    scale, log = probing.standardiser(train.x), []
    network = probing.fit(train, val, scale, Probe(depth=50, epochs=4, batch=8, lr=0.3), 0, "cpu", "m T1w", log)
    kept = probing.judge(probing.predictor(network, "cpu", 8)(scale(val.x)), val)
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
    probing.run_probe(*shards, "", "m", Probe(seeds=(0,)), *files, "cpu", 1)
    assert list(read_tsv(files[0]).columns) == probing.COLUMNS and not len(read_tsv(files[0]))
    assert "m T2w: not probed" in capsys.readouterr().err


def test_a_cohort_of_one_sex_gives_empty_tables_not_an_error(tmp_path):
    predictions, log = run_probe(tmp_path, sexes="F")
    assert len(predictions) == len(log) == 0 and "probability" in predictions


def test_latents_too_small_for_seresnet_are_repeated():
    assert probing.at_least(torch.zeros(5, 1, 2, 9)).shape == (5, 4, 4, 9)

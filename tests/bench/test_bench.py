"""The quick benchmark, in seconds: a few subjects of 7 mm, a few steps."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from neuroquant.bench import run as bench_run
from neuroquant.bench import setup, show
from neuroquant.bench.run import MADE_OF, Bench, failed, run, train_models
from neuroquant.cli import main
from neuroquant.config.load import load_experiment
from neuroquant.config.model import Phase
from neuroquant.errors import InputError
from neuroquant.shipped import CONFIG

pytestmark = pytest.mark.slow

TINY = setup.Size(steps=6, subjects=10, voxel_mm=7.0, shape=(32, 32, 32))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A user's YAML: a smaller variant of a shipped model, with a schedule of its own."""
    path = tmp_path_factory.mktemp("mine") / "mine.yaml"
    phases = [{"mode": "2d", "steps": 1000, "batch": 64, "lr": 1e-3, "lr_end": 1e-4}]
    parameters = {"block_out_channels": [8, 8], "layers_per_block": 1, "norm_num_groups": 4}
    entry = {"name": "mine", "label": "My model", "architecture": "baselines.sd_vae", "parameters": parameters}
    path.write_text(yaml.safe_dump(entry | {"training": {"phases": phases}}))
    return path


@pytest.fixture(scope="module")
def done(own, tmp_path_factory):
    """A finished benchmark of it."""
    experiment, name = setup.experiment_of(str(own), TINY)
    bench = Bench(experiment, tmp_path_factory.mktemp("bench"))
    said = []
    return bench, run(bench, said.append), name, said


def test_the_table_has_every_model_and_modality_with_intervals_and_a_verdict(done):
    bench, computed, name, said = done
    lines = show.table(bench, computed).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        [model, modality] for model in ("mean", "pca", "neuroquant", "mine") for modality in ("T1w", "T2w")
    ]
    assert all(re.search(r"\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\]", line) for line in lines[1:])
    assert lines[-1].endswith("the mean image") and lines[1].split()[-1] == "0"
    assert len(said) == 3 and name == "mine"


def test_a_model_that_learned_nothing_is_called_so(done):
    bench, computed, name, _ = done
    sentences = show.sentences(bench, computed, name)
    assert sentences[0].startswith("mine is below the mean image (T1w, T2w): what it has learned so far is no better")
    assert "synthetic test subjects, 95% intervals" in sentences[-1] and "not to rank models" in sentences[-1]


def test_the_picture_shows_all_models(done, tmp_path):
    bench, computed, _, _ = done
    show.picture(bench, computed, tmp_path / "mine.png")
    assert (tmp_path / "mine.png").read_bytes()[:4] == b"\x89PNG"


def reseeded(bench, folder, seed, *names):
    """The benchmark with another seed for some models."""
    entries = [
        entry.model_copy(update={"training": entry.training.model_copy(update={"seed": seed})})
        if entry.name in names
        else entry
        for entry in bench.experiment.models
    ]
    return Bench(bench.experiment.model_copy(update={"models": tuple(entries)}), folder)


def test_what_a_folder_holds_is_used_again_and_a_changed_model_trains_again(done, own):
    bench, computed, _, _ = done
    files = {path: path.stat().st_mtime_ns for path in bench.folder.rglob("*") if path.name == "model.safetensors"}
    files[bench.volumes("train")] = bench.volumes("train").stat().st_mtime_ns
    again = reseeded(bench, bench.folder, 1, "mine")
    run(again, lambda line: None)
    changed = {path for path, date in files.items() if path.stat().st_mtime_ns != date}
    assert changed == {bench.model("mine") / "model.safetensors"}


def test_a_training_that_fails_leaves_no_process_and_no_note_of_an_earlier_model(done, tmp_path, monkeypatch):
    bench, _, _, _ = done
    shutil.copytree(bench.folder, tmp_path / "copy")
    again = reseeded(bench, tmp_path / "copy", 2, "mean", "pca", "mine")
    started = []

    def wait_for_ever(*_):
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
        return started[-1]

    def fail(*_):
        raise InputError("mean", "nothing", "something", "correct it")

    monkeypatch.setattr(bench_run, "start_training", wait_for_ever)
    monkeypatch.setattr(bench_run, "train", fail)
    with pytest.raises(InputError, match="^mean"):
        train_models(again)
    assert len(started) == 1 and all(process.poll() is not None for process in started)
    noted = {path.parent.name for path in again.model("mine").parent.glob(f"*/{MADE_OF}")}
    assert noted == {"neuroquant"}, "what is made again may be half made"


def test_a_schedule_is_shortened_to_the_steps_of_a_benchmark(own):
    experiment, name = setup.experiment_of(str(own), TINY)
    (phase,) = experiment.model(name).training.phases
    assert (phase.steps, phase.batch, phase.mode, phase.lr) == (6, 4, "2d", 1e-3)
    assert experiment.model(name).parameters["block_out_channels"] == [8, 8], "its own sizes stay"
    full = experiment.model("neuroquant").training.phases
    assert sum(each.steps for each in full) <= TINY.steps and full[0].batch == 1


def test_a_model_without_a_schedule_has_that_of_the_demos_neuroquant(tmp_path):
    (tmp_path / "plain.yaml").write_text("name: plain\narchitecture: baselines.monai_kl\n")
    experiment, name = setup.experiment_of(str(tmp_path / "plain.yaml"), setup.Size())
    training, full = experiment.model(name).training, experiment.model("neuroquant").training
    assert training.optimizer == "adamw" and [phase.mode for phase in training.phases] == ["3d"]
    assert training.phases[0].lr == full.phases[0].lr
    assert training.phases[0].crop == (32, 32, 32) and sum(phase.steps for phase in training.phases) == 300


def test_shipped_models_have_the_demos_sizes():
    experiment, name = setup.experiment_of("vqgan", setup.Size())
    assert name == "vqgan" and experiment.model("vqgan").parameters["width"] == 16
    assert [entry.name for entry in experiment.models] == ["mean", "pca", "neuroquant", "vqgan"]
    assert setup.experiment_of("neuroquant_cross", setup.Size())[1] == "neuroquant_cross", "an ablation of another"
    experiment, name = setup.experiment_of("neuroquant", setup.Size())
    assert sorted(entry.name for entry in experiment.models) == ["mean", "neuroquant", "pca"]


def test_a_variant_of_a_shipped_model_has_the_demos_sizes_and_its_own_changes(tmp_path):
    (tmp_path / "variant.yaml").write_text("extends: vqgan\nname: variant\nparameters: {words: 64}\n")
    experiment, name = setup.experiment_of(str(tmp_path / "variant.yaml"), setup.Size())
    variant, demo = experiment.model(name), load_experiment(CONFIG / "demo.yaml")
    assert (variant.parameters["words"], variant.parameters["width"]) == (64, 16)
    steps = [[phase.steps for phase in entry.training.phases] for entry in (variant, demo.model("vqgan"))]
    assert steps[0] == steps[1]


def test_a_users_model_keeps_what_it_states_by_its_name_as_by_its_path(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    text = "name: wide\narchitecture: baselines.vqgan\nparameters: {width: 8}\n"
    (tmp_path / "models/wide.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    for model in ("wide", "models/wide.yaml"):
        experiment, name = setup.experiment_of(model, setup.Size())
        assert experiment.model(name).parameters["width"] == 8, model


def test_a_piece_of_ones_own_stays():
    own = Phase(steps=10, batch=8, crop=(64, 64, 64))
    assert setup.shortened(own, 0.5, (32, 32, 32)).crop == (64, 64, 64)
    assert setup.shortened(Phase(mode="2d", steps=10), 1.0, (32, 32, 32)).crop == ()


def test_a_training_that_ends_with_an_error_is_shown_by_its_last_lines(tmp_path):
    (tmp_path / "mine.log").write_text("a\nb\nTraceback\nsomething\n\nRuntimeError: shapes differ\n")
    said = str(failed("mine", tmp_path / "mine.log"))
    assert "RuntimeError: shapes differ" in said and f"read {tmp_path / 'mine.log'}" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["vqgam"], "did you mean 'vqgan'"),
        (["nowhere.yaml"], "no such file"),
        (["vqgan", "--steps", "0"], "a number above 0"),
    ],
)
def test_what_cannot_be_benchmarked_is_said_in_a_sentence(tmp_path, capsys, words, said):
    assert main(["bench", *words, "--out", str(tmp_path / "out")]) == 1
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_command_prints_the_table_and_where_the_picture_is(own, done, capsys, monkeypatch):
    bench, _, _, _ = done
    monkeypatch.setattr(setup, "Size", lambda steps: TINY)
    assert main(["bench", str(own), "--out", str(bench.folder), "--steps", "6"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("model ") and told.out.splitlines()[-1] == str(bench.folder / "mine.png")
    assert Path(told.out.splitlines()[-1]).is_file() and told.err.splitlines()[0].startswith("1/3 making")
    assert json.loads((bench.folder / "volumes/made_of.json").read_text())["volume"]["shape"] == [32, 32, 32]

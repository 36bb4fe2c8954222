"""The examples for own cohorts: validated, planned and dry-run on a small BIDS folder, without real data or a GPU."""

import re

import nibabel as nib
import numpy as np
import pytest
import yaml

from neuroquant import models
from neuroquant.cli import main
from neuroquant.cluster.estimate import parts
from neuroquant.config.load import load_experiment, resolve_experiment
from neuroquant.models import bits as bits_of
from tests.cluster.helpers import ask_of
from tests.workflow.run import ROOT, job_counts, snakemake

pytestmark = pytest.mark.slow

ONE_GPU = ROOT / "config/examples/one_gpu.yaml"
SUBJECTS = 24
MEMORY_GB = 8.5
"""What a pair of whole volumes keeps for the backward pass in bf16: benchmarks/train_step.md, 34.18 GB for four."""


@pytest.fixture
def bids(tmp_path, monkeypatch):
    """A BIDS folder of small pairs at $BIDS_ROOT; the working directory is beside it."""
    root = tmp_path / "bids"
    people = ["participant_id\tsex\tage"]
    noise = np.random.default_rng(0).integers(0, 500, (20, 22, 18)).astype(np.int16)
    for number in range(1, SUBJECTS + 1):
        people.append(f"sub-{number:02d}\t{'FM'[number % 2]}\t{20 + number}")
        for kind in ("T1w", "T2w"):
            path = root / f"sub-{number:02d}/anat/sub-{number:02d}_{kind}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(noise, np.diag([2.0, 2.0, 2.0, 1.0])), path)
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    (root / "participants.tsv").write_text("\n".join(people) + "\n")
    monkeypatch.setenv("BIDS_ROOT", str(root))
    monkeypatch.chdir(tmp_path)
    return root


def test_the_schedule_for_one_gpu_can_be_validated_planned_and_dry_run(bids, tmp_path, capsys):
    assert main(["validate", str(ONE_GPU)]) == 0
    assert f"in   {SUBJECTS} sessions of {SUBJECTS} subjects" in capsys.readouterr().out
    assert main(["plan", str(ONE_GPU)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^ +4  train +8 +24000 +24 ", said, re.MULTILINE)
    assert "train: benchmarks/train_step.md: analytic floor" in said and "for vqgan, sd_vae" in said
    done = snakemake(tmp_path, "--dry-run", "all", config=yaml.safe_load(ONE_GPU.read_text()))
    assert done.returncode == 0, done.stdout
    jobs = job_counts(done.stdout)
    assert jobs["train"] == 4 and jobs["save_untrained"] == 2 and "segment" not in jobs


def test_no_pass_of_that_schedule_holds_more_than_24_gb_leave_room_for(bids):
    experiment = load_experiment(ONE_GPU, ROOT / "config")
    for name in ("neuroquant", "neuroquant_base"):
        entry = experiment.model(name)
        assert entry.parameters["channels"] == [32, 64, 128, 256], "the widths that the memory was counted at"
        for phase in entry.training.phases:
            pairs = phase.batch / phase.accumulate
            share = np.prod(phase.crop or experiment.volume.shape) / np.prod((144, 192, 144))
            kept = pairs * (share * MEMORY_GB if phase.mode == "3d" else 7.91 / 128)
            assert kept < 12, f"{name}: {kept:.1f} GB"


def test_the_fast_schedule_grows_from_pieces_to_volumes_and_takes_three_hours_at_three_times_the_floor(
    tmp_path, monkeypatch
):
    for name in ("NCANDA_ROOT", "ABCD_ROOT"):
        monkeypatch.setenv(name, str(tmp_path))
    experiment = load_experiment(ROOT / "config/examples/fast_schedule.yaml", ROOT / "config")
    paper, fast = (experiment.model(name) for name in ("neuroquant", "neuroquant_fast"))
    assert not paper.training.phases[0].crop and paper.training.optimizer == "adamw", "the paper's stays as it is"
    assert fast.architecture == paper.architecture and fast.parameters == paper.parameters
    assert set(experiment.table1.models) >= {"neuroquant", "neuroquant_fast", "mean"}, "the two are compared"
    volumes = [phase for phase in fast.training.phases if phase.mode == "3d"]
    sides = [np.prod(phase.crop or experiment.volume.shape) for phase in volumes]
    assert sides == sorted(sides) and not volumes[-1].crop and fast.training.phases[-1].mode == "2d"
    rates = [lr for phase in fast.training.phases for lr in (phase.lr, phase.lr_end)]
    assert rates == sorted(rates, reverse=True)
    (cost,) = parts([ask_of("train", 2)], experiment, tmp_path, {})
    alone = experiment.model_copy(update={"models": (fast,)})
    (own,) = parts([ask_of("train", 1)], alone, tmp_path, {})
    assert own.hours < 1.0 < 2 < cost.longest, "hours of the floor"


def test_the_fast_schedule_can_be_planned_on_another_cohort(bids, tmp_path):
    config = yaml.safe_load((ROOT / "config/examples/fast_schedule.yaml").read_text())
    config["cohorts"] = [{"name": "mine", "layout": "bids", "root": str(bids)}]
    done = snakemake(tmp_path, "--dry-run", "all", config=config)
    assert done.returncode == 0, done.stdout
    assert job_counts(done.stdout)["train"] == 2


def test_the_codecs_have_the_bits_of_neuroquant_and_a_curve_each(tmp_path):
    config = yaml.safe_load((ROOT / "config/examples/codecs.yaml").read_text())
    experiment = resolve_experiment(config, ROOT / "config", "codecs.yaml")
    bits = {
        entry.name: bits_of(entry.architecture, entry.parameters, experiment.volume.shape)
        for entry in experiment.models
    }
    assert bits["jpeg2000"] == bits["dct"] == pytest.approx(bits["neuroquant"], abs=8) and bits["mean"] == 0
    for name in ("pca", "jpeg2000", "dct"):
        spent = [bits[point] for point in experiment.points(name)]
        assert len(set(spent)) == len(spent) >= 4
    done = snakemake(tmp_path, "--dry-run", "all", config=config)
    assert done.returncode == 0, done.stdout
    assert job_counts(done.stdout)["apply_model"] == len(experiment.models) == 19


def test_the_variant_for_ixi_in_its_comments_is_an_experiment(bids, monkeypatch):
    monkeypatch.setenv("IXI_ROOT", str(bids))
    text = ONE_GPU.read_text()
    lines = re.findall(r"^#   ((?:cohorts|volume|segmentation): .*)$", text, re.MULTILINE)
    config = yaml.safe_load(text.replace("mine", "ixi")) | yaml.safe_load("\n".join(lines))
    experiment = resolve_experiment(config, ROOT / "config", "one_gpu.yaml")
    assert experiment.cohort("ixi").layout == "custom"
    assert (experiment.volume.registration, experiment.volume.brain_mask[-1]) == ("grids", "deepbet")


def test_the_quantisers_are_compared_at_equal_bits_on_one_network_and_schedule(tmp_path):
    path = ROOT / "config/examples/quantisers.yaml"
    experiment = load_experiment(path, ROOT / "config")
    trained = [entry for entry in experiment.shown_models if entry.training.phases]
    quantizers = [entry.parameters.get("quantizer", {"kind": "ema", "rotation": False}) for entry in trained]
    found = {(quantizer["kind"], quantizer["rotation"]) for quantizer in quantizers}
    assert found == {
        ("ema", False),
        ("ema", True),
        ("fsq", False),
        ("simvq", False),
        ("simvq", True),
        ("residual", False),
    }
    assert len({models.bits("neuroquant", entry.parameters, experiment.volume.shape) for entry in trained}) == 1
    for entry in trained:
        assert {**entry.parameters, "quantizer": None} == {**trained[0].parameters, "quantizer": None}
        assert entry.objective == trained[0].objective and entry.training == trained[0].training
        assert len(experiment.trainings(entry.name)) == 3
    assert set(experiment.table1.models) >= {"mean", *(entry.name for entry in trained)}
    assert experiment.figure4.models[0] == "neuroquant"
    done = snakemake(tmp_path, "--dry-run", "all", config=yaml.safe_load(path.read_text()))
    assert done.returncode == 0, done.stdout
    assert job_counts(done.stdout)["train"] == 18

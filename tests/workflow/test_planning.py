"""What Snakemake plans, and what it refuses before the first job."""

import copy
import re

import pytest

from neuroquant.config.load import merge
from tests.workflow.declared import RULES
from tests.workflow.run import ROOT, TINY, job_counts, snakemake

SCRIPTS = sorted(path.stem for path in (ROOT / "workflow_scripts").glob("*.py"))


def test_no_rule_repeats_what_stands_once():
    for directive in ("log", "benchmark", "conda"):
        assert not re.search(rf"^    {directive}:", RULES, re.MULTILINE), directive


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_has_a_rule_with_a_message_and_resources(script):
    (rule,) = [text for text in re.split(r"\n(?:rule|checkpoint) ", RULES) if f"workflow_scripts/{script}.py" in text]
    assert "    message:\n" in rule and "    resources:\n" in rule


def test_every_stage_of_the_way_is_planned(tmp_path):
    done = snakemake(tmp_path, "--dry-run", "all")
    assert done.returncode == 0, done.stdout
    jobs = job_counts(done.stdout)
    assert jobs["make_cohort"] == jobs["index"] == jobs["split"] == jobs["assign"] == 1
    assert jobs["preprocess"] == 4
    assert jobs["train"] == 3 and jobs["save_untrained"] == 2 and jobs["fit_standin"] == 1
    assert jobs["reconstruct"] == jobs["segment"] == 10
    assert jobs["segment_reference"] == jobs["fidelity"] == jobs["score_anatomy"] == 2, (
        "one job per shard for all models"
    )
    assert jobs["export_latents"] == 5
    assert jobs["probe"] == 5 and jobs["probe_volumes"] == 1
    assert jobs["spread"] == jobs["disentanglement"] == 1, "one job per cohort for all its models"
    assert not {"robustness", "draw_robustness"} & set(jobs), "only where an experiment asks for it"
    assert jobs["table"] == 2 and jobs["draw_figure3"] == jobs["draw_figure4"] == jobs["report"] == 1


def test_a_small_experiment_can_do_with_few_jobs(tmp_path):
    config = merge(TINY, {"compute": {"jobs": "few"}})
    jobs = job_counts(snakemake(tmp_path, "--dry-run", "all", config=config).stdout)
    assert jobs["apply_model"] == 5 and jobs["segment_models"] == 2 and jobs["probe"] == jobs["probe_volumes"] == 1
    assert not {"export_latents", "reconstruct", "segment"} & set(jobs)


def test_spoiled_scans_are_reconstructed_where_an_experiment_asks_for_faults(tmp_path):
    config = merge(TINY, {"robustness": {"faults": ["noise", "rotation"]}})
    jobs = job_counts(snakemake(tmp_path, "--dry-run", "all", config=config).stdout)
    assert jobs["robustness"] == 2 and jobs["draw_robustness"] == 1, "a job a shard for all models"


def test_points_of_a_curve_are_scored_and_segmented_but_not_probed(tmp_path):
    config = copy.deepcopy(TINY)
    codec = {"name": "codec", "architecture": "baselines.jpeg2000", "training": {"phases": []}}
    config["models"].append(codec | {"curve": {"kbit": [4, 40]}})
    jobs = job_counts(snakemake(tmp_path, "--dry-run", "all", config=config).stdout)
    assert jobs["save_untrained"] == 5 and jobs["export_latents"] == 8
    assert jobs["reconstruct"] == jobs["segment"] == 16 and jobs["probe"] == 6


def test_a_model_without_training_is_no_training_job(tmp_path):
    config = copy.deepcopy(TINY)
    config["models"].append("identity")
    jobs = job_counts(snakemake(tmp_path, "--dry-run", "train_all", config=config).stdout)
    assert jobs["train"] == 3 and jobs["save_untrained"] == 3


@pytest.mark.slow
def test_the_number_of_jobs_does_not_depend_on_the_number_of_subjects(tmp_path):
    larger = copy.deepcopy(TINY)
    larger["cohorts"][0]["synthetic"]["subjects"] = 1600
    counts = [
        job_counts(snakemake(tmp_path / str(n), "-n", "all", config=c).stdout) for n, c in enumerate((TINY, larger))
    ]
    assert counts[0] == counts[1] != {}


def real(root) -> dict:
    cohort = {"name": "real", "root": str(root)}
    shown = {"models": ["neuroquant"], "cohorts": ["real"]}
    return {
        **TINY,
        "cohorts": [cohort],
        "table1": shown,
        "table2": shown,
        "figure4": {"cohort": "real", "models": ["neuroquant"]},
    }


def test_a_missing_cohort_folder_stops_the_run_before_the_first_job(tmp_path):
    done = snakemake(tmp_path, "all", config=real(tmp_path / "nowhere"))
    assert done.returncode != 0
    assert str(tmp_path / "nowhere") in done.stdout and "to do:" in done.stdout
    assert not job_counts(done.stdout)


def test_a_folder_that_is_not_bids_stops_the_run_before_the_first_job(tmp_path):
    (tmp_path / "pictures").mkdir()
    done = snakemake(tmp_path, "all", config=real(tmp_path / "pictures"))
    assert done.returncode != 0 and "BIDS" in done.stdout and not job_counts(done.stdout)


def test_results_never_lie_inside_an_input_data_set(tmp_path):
    (tmp_path / "sub-01" / "anat").mkdir(parents=True)
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    (tmp_path / "participants.tsv").write_text("participant_id\tsex\nsub-01\tF\n")
    done = snakemake(tmp_path, "-n", "all", config=real(tmp_path))
    assert done.returncode != 0 and "results" in done.stdout and "to do:" in done.stdout


def test_a_misspelt_key_stops_the_run_with_the_nearest_known_one(tmp_path):
    done = snakemake(tmp_path, "-n", "all", config=merge(TINY, {"probe": {"epoch": 1}}))
    assert done.returncode != 0 and "did you mean `epochs`" in done.stdout


def with_authors_weights() -> dict:
    """The tiny experiment with a model that begins with weights which nobody has."""
    config = copy.deepcopy(TINY)
    config["models"].append("medvae_published")
    return config


def test_missing_weights_of_authors_stop_the_run_before_the_first_job(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROQUANT_WEIGHTS", str(tmp_path / "nowhere"))
    monkeypatch.setenv("HOME", str(tmp_path))
    done = snakemake(tmp_path, "all", config=with_authors_weights())
    assert done.returncode != 0 and "model medvae_published: weights" in done.stdout
    assert "fetch_weights" in done.stdout and not (tmp_path / "results/tiny/cohorts/synthetic/bids").exists()


def test_weights_can_be_fetched_where_nothing_else_can_run_yet(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    done = snakemake(tmp_path, "--dry-run", "fetch_weights", config=with_authors_weights())
    assert done.returncode == 0 and job_counts(done.stdout) == {"fetch_weights": 1}


def test_a_dry_run_leaves_what_a_run_beside_it_has_written(tmp_path):
    kept = {"config.yaml": "experiment: tiny\n", "logs/failures/train.json": "{}"}
    for name, text in kept.items():
        path = tmp_path / "results/tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = snakemake(tmp_path, "--dry-run", "all")
    assert done.returncode == 0, done.stdout
    assert {name: (tmp_path / "results/tiny" / name).read_text() for name in kept} == kept


def test_a_split_that_the_experiment_itself_writes_is_refused_before_it_is_removed(tmp_path):
    own = tmp_path / "results/tiny/cohorts/synthetic/splits.tsv"
    own.parent.mkdir(parents=True)
    own.write_text("subject\tsplit\n")
    done = snakemake(tmp_path, "all", config=merge(TINY, {"split": {"file": str(own)}}))
    assert done.returncode and "copy it elsewhere, and name the copy" in done.stdout
    assert own.is_file()


BESIDES_SNAKEMAKE = (
    "torch torchio constriction scipy nibabel nilearn h5py monai diffusers ants sklearn matplotlib safetensors tqdm"
)
"""Packages that neither Snakemake nor its SLURM executor brings, and jobs alone need."""


@pytest.mark.parametrize("looking", [["--lint"], ["--dry-run", "--quiet", "all"]], ids=["lint", "dry run"])
def test_snakemake_alone_is_enough_to_lint_and_to_plan(tmp_path, monkeypatch, looking):
    """As on the catalog's machines, and on a login node; lint must have nothing to say."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nsys.modules.update(dict.fromkeys({BESIDES_SNAKEMAKE.split()}))  # None: an ImportError\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    done = snakemake(tmp_path / "run", *looking, *(["all"] if "--dry-run" in looking else []))
    assert done.returncode == 0, done.stdout[-3000:]
    assert "--lint" not in looking or "Congratulations" in done.stdout

"""An experiment of a user's own, outside of the project: what differs in one file, a model of its own beside it."""

import pytest
import yaml

from tests.workflow.run import ROOT, TINY, few, job_counts, snakemake

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    """A model that extends a shipped one under the same name, and one of another name."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/mean.yaml").write_text("extends: mean\nlabel: My mean\n")
    (tmp_path / "models/mine.yaml").write_text("extends: neuroquant\nname: mine\nlabel: Mine\n")
    return tmp_path


def experiment(*models):
    """The tiny experiment with these models; tables and figures are left to the defaults."""
    overrides = {name: change for name, change in TINY["overrides"].items() if name == "neuroquant"}
    return {**TINY, "models": list(models), "overrides": overrides}


def test_models_beside_the_experiment_come_before_the_shipped_ones(folder):
    done = snakemake(
        folder, "results/tiny/models/mine/model.safetensors", "--dry-run", config=experiment("mean", "mine")
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert job_counts(done.stdout)["train"] == 1


def test_a_table_that_would_be_empty_is_refused_by_name_with_what_would_fill_it(folder):
    done = snakemake(folder, "table2", "--dry-run", config=experiment("mean", "neuroquant"))
    assert done.returncode and "no ablation among the models mean, neuroquant" in done.stdout
    assert "neuroquant_base beside neuroquant" in done.stdout
    assert snakemake(folder, "table2", "-n", config=experiment("neuroquant_base", "neuroquant")).returncode == 0


def test_models_and_cohorts_alone_lead_to_a_whole_report_in_a_folder_with_a_space(folder, clone, monkeypatch):
    (folder / "models").rename(clone / "models")
    monkeypatch.setenv("PYTHONPATH", str(clone))
    done = snakemake(clone, "all", config=few(experiment("mean", "mine")), root=clone)
    assert done.returncode == 0, done.stdout[-5000:]
    results = clone / "results/tiny"
    assert "My mean" in (results / "tables/table1.md").read_text()
    assert "no model of this experiment is an ablation" in (results / "tables/table2.md").read_text()
    assert yaml.safe_load((results / "config.yaml").read_text())["figure4"]["models"] == ["mine"]
    assert (results / "report.html").stat().st_size > 100_000


def test_a_package_that_a_model_is_made_of_is_asked_for_before_the_first_job(folder, monkeypatch):
    (folder / "hide").mkdir()
    (folder / "hide/sitecustomize.py").write_text("import sys\nsys.modules['diffusers'] = None\n")
    monkeypatch.setenv("PYTHONPATH", f"{folder / 'hide'}:{ROOT}")
    config = {**TINY, "models": ["mean", "sd_vae"], "overrides": {}}
    done = snakemake(folder, "results/tiny/models/mean/model.safetensors", config=config)
    assert done.returncode and 'pip install "neuroquant[baselines]"' in done.stdout
    assert not (folder / "results/tiny/cohorts").exists(), "no job ran"
    assert snakemake(folder, "train_all", "--dry-run", config=config).returncode == 0, (
        "a plan needs no packages of jobs"
    )

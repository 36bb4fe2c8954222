"""A model with two seeds: both are trained and scored by every rule, and one line of each table holds the two."""

import copy

import pandas as pd
import pytest

from tests.workflow.run import TINY, few, job_counts, snakemake

pytestmark = pytest.mark.slow


def with_seeds():
    """The tiny experiment, its NeuroQuant with two seeds; its base stays with one."""
    config = copy.deepcopy(TINY)
    own = {"name": "mine", "label": "Mine", "architecture": "neuroquant", "training": {"seeds": [0, 1]}}
    config["models"] = ["mean", own, "neuroquant_base"]
    config["overrides"].pop("baselines.sd_vae")
    return config


def test_every_training_is_planned(tmp_path):
    done = snakemake(tmp_path, "all", "--dry-run", config=with_seeds())
    assert done.returncode == 0, done.stdout[-3000:]
    jobs = job_counts(done.stdout)
    assert (jobs["train"], jobs["probe"], jobs["export_latents"]) == (3, 4, 4)


def test_two_seeds_run_to_a_report_with_one_line_for_both(tmp_path):
    done = snakemake(tmp_path, "all", config=few(with_seeds()))
    assert done.returncode == 0, done.stdout[-5000:]
    results = tmp_path / "results/tiny"
    each = pd.read_csv(results / "numbers/trainings.csv")
    psnr = each[(each.metric == "psnr") & (each.modality == "T1w")].set_index("training")["value"]
    assert set(psnr.index) == {"mean", "mine", "mine_seed1", "neuroquant_base"} and psnr["mine"] != psnr["mine_seed1"]
    cells = pd.read_csv(results / "numbers/cells.csv")
    assert "mine_seed1" not in set(cells.model)
    cell = cells[(cells.metric == "psnr") & (cells.modality == "T1w") & (cells.model == "mine")].iloc[0]
    assert cell["value"] == pytest.approx(psnr[["mine", "mine_seed1"]].mean())
    table = (results / "tables/table1.md").read_text()
    assert "Trained with several seeds: Mine (2)." in table and "mine_seed1" not in table
    assert (results / "report.html").stat().st_size > 100_000

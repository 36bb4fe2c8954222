"""The same DAG on real MRI at the paper's size, as config/examples/bids.yaml has it."""

import os

import pandas as pd
import pytest
import yaml
from run import ROOT, snakemake

from neuroquant.files import read_tsv

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("NEUROQUANT_TESTDATA" not in os.environ, reason="NEUROQUANT_TESTDATA isn't set: no real MRI"),
]


def test_real_pairs_run_to_a_table_and_the_rest_is_excluded_with_its_reason(tmp_path):
    config = yaml.safe_load((ROOT / "config/examples/bids.yaml").read_text())
    config["models"] = ["sd_vae", "neuroquant"]
    config["table2"]["rows"] = config["figure4"]["rows"] = ["neuroquant"]
    config["overrides"]["neuroquant"]["training"]["phases"] = [
        {"mode": "3d", "steps": 2, "batch": 1, "lr": 1e-3, "lr_end": 1e-3},
        {"mode": "2d", "steps": 4, "batch": 1, "lr": 1e-3, "lr_end": 1e-3},
    ]
    config["overrides"]["neuroquant"]["parameters"]["start_after"] = 1
    config["overrides"]["baselines.sd_vae"]["training"]["phases"][0]["steps"] = 5
    done = snakemake(tmp_path, "all", config=config)
    assert done.returncode == 0, done.stdout[-6000:]
    results = tmp_path / "results/bids_example"
    cohort = results / "cohorts/real"
    assert set(read_tsv(cohort / "sessions.tsv").subject) == {"sub-04", "sub-05"}
    reasons = read_tsv(cohort / "excluded.tsv").groupby("subject").reason.first()
    assert all("grid" in reasons[subject] for subject in ("sub-01", "sub-02", "sub-03"))
    assert all(reasons[f"sub-{n:02d}"] == "no T2w scan" for n in (6, 7, 8, 9))
    table = pd.read_csv(results / "tables/table1.csv")
    assert set(table.metric) == {"psnr", "ssim"} and set(table.model) == {"sd_vae", "neuroquant"}
    assert table.published.isna().all() and table.stand_in.isna().all()
    page = (results / "report/summary.html").read_text()
    assert "No segmentation engine was run" in page and "Sex could not be probed" in page
    assert (results / "report.html").stat().st_size > 1_000_000

"""The example for own data on real MRI, with fewer steps: a BIDS folder with usable and unusable subjects."""

import os

import pandas as pd
import pytest
import yaml

from neuroquant.files import read_tsv
from tests.workflow.run import ROOT, few, finished_jobs, snakemake

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("NEUROQUANT_TESTDATA"), reason="NEUROQUANT_TESTDATA is not set"),
]


def shortened() -> dict:
    """The example with fewer steps, which change nothing but the quality, on the scans that need no registration."""
    config = yaml.safe_load((ROOT / "config/examples/bids.yaml").read_text())
    config["volume"]["registration"] = "off"
    config["overrides"]["neuroquant"]["parameters"]["start_after"] = 1
    for architecture, steps in (("neuroquant", 2), ("baselines.sd_vae", 4)):
        for phase in config["overrides"][architecture]["training"]["phases"]:
            phase |= {"steps": steps, "warmup": 0}
    return config


def test_the_example_runs_on_real_mri_and_says_what_it_left_out(tmp_path):
    done = snakemake(tmp_path, "all", config=few(shortened()))
    assert done.returncode == 0, done.stdout[-6000:]
    assert finished_jobs(done.stdout)["report"] == 1
    results = tmp_path / "results/bids_example"
    kept, excluded = (read_tsv(results / f"cohorts/real/{name}.tsv") for name in ("sessions", "excluded"))
    assert set(kept.subject) == {"sub-04", "sub-05"}
    reasons = excluded.groupby("subject").reason.first()
    for subject in ("sub-01", "sub-02", "sub-03"):
        assert "grid" in reasons[subject]
    for subject in ("sub-06", "sub-07", "sub-08", "sub-09"):
        assert "no T2w scan" in reasons[subject]
    table = pd.read_csv(results / "tables/table1.csv")
    assert {"psnr", "ssim"} <= set(table.metric) and not {"dice", "accuracy"} & set(table.metric)
    assert set(table.model) >= {"sd_vae", "neuroquant", "mean", "pca"} and set(table.modality) == {"T1w", "T2w"}
    scores = table.set_index(["model", "modality", "metric"]).value
    for modality in ("T1w", "T2w"):  # of one training volume there are no components
        assert scores["pca", modality, "psnr"] == pytest.approx(scores["mean", modality, "psnr"], abs=1e-3)
    qc = read_tsv(results / "cohorts/real/qc.tsv")
    assert (qc.lost_voxels.astype(int) == 0).all() and len(qc) == 2, "the brains fit into the volume"
    summary = (results / "report/summary.html").read_text()
    assert "No segmentation engine was run" in summary and "Sex could not be probed" in summary
    assert "sub-0" not in summary

"""Every cohort file that is shipped reaches a table, on made scans in its own layout; synthetic ones: test_external."""

import copy

import pandas as pd
import pytest

from neuroquant.files import read_tsv
from tests.workflow.made import FOLDERS, experiment, shipped, write_as
from tests.workflow.run import TINY, few, job_counts, snakemake

pytestmark = pytest.mark.slow

FREE = "{subject} of {x}"
"""A label that Snakemake would take for wildcards."""


@pytest.fixture
def scans(tmp_path, monkeypatch):
    """The folder that the variables of the shipped files point into."""
    for variable in FOLDERS.values():
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return tmp_path


REAL = {name: raw for name, raw in shipped().items() if "synthetic" not in raw}


def test_every_shipped_cohort_of_real_scans_reaches_table_1(scans):
    for name, raw in REAL.items():
        write_as(name, raw, scans)
    config = experiment(list(REAL))
    config["table1"] = config["table2"] = {"models": ["neuroquant"], "cohorts": list(REAL)}
    done = snakemake(scans, "table1", config=few(config))
    assert done.returncode == 0, done.stdout[-6000:]
    results = scans / "results/tiny"
    table = pd.read_csv(results / "tables/table1.csv")
    shown = table[table.metric == "psnr"].dropna(subset="value")
    for name, raw in REAL.items():
        assert len(read_tsv(results / f"cohorts/{name}/sessions.tsv")) == 8, name
        mine = shown[(shown.cohort == name) | (shown.cohort == raw["label"])]
        assert set(mine.modality) == {"T1w", "T2w"}, name


@pytest.mark.parametrize("name", sorted(REAL))
def test_every_shipped_cohort_of_real_scans_is_planned(name, scans):
    write_as(name, REAL[name], scans)
    done = snakemake(scans, "--dry-run", "all", config=experiment([name]))
    assert done.returncode == 0, done.stdout[-3000:]
    assert job_counts(done.stdout)["train"] == 1


def test_braces_in_free_text_are_text(tmp_path):
    config = copy.deepcopy(TINY)
    config["cohorts"][0]["label"] = f"cohort {FREE}"
    config["models"] = [{"name": "mine", "architecture": "neuroquant", "label": f"model {FREE}"}]
    config["report"] = {"title": f"report {FREE}"}
    config["overrides"].pop("baselines.sd_vae")
    done = snakemake(tmp_path, "--dry-run", "all", "fetch_weights", config=config)
    assert done.returncode == 0, done.stdout[-3000:]
    assert job_counts(done.stdout)["training_curves"] == 1

"""A cohort in which some sessions have one of the two scans, kept by `require: any`, from scans to report."""

import copy

import pandas as pd
import pytest

from neuroquant.config.cohort import Cohort
from neuroquant.files import read_tsv
from neuroquant.synthetic.bids import write_cohort
from tests.workflow.run import TINY, few, snakemake

pytestmark = pytest.mark.slow


def test_sessions_of_one_modality_train_are_tested_and_reach_the_report(tmp_path):
    scans = tmp_path / "bids"
    write_cohort(Cohort.model_validate(TINY["cohorts"][0]), scans)
    config = copy.deepcopy(TINY)
    config["cohorts"] = [{"name": "study", "root": str(scans), "require": "any"}]
    config["models"] = ["neuroquant"]
    config["overrides"].pop("baselines.sd_vae")
    config |= {
        "table1": {"models": ["neuroquant"], "cohorts": ["study"]},
        "table2": {"models": ["neuroquant"], "cohorts": ["study"]},
    }
    config["figure4"] = {"cohort": "study", "models": ["neuroquant"]}
    for number, path in enumerate(sorted(scans.glob("sub-*/ses-*/anat/*_T2w.nii.gz"))):
        if number % 3 == 0:
            path.unlink()
        elif number % 3 == 1:
            path.with_name(path.name.replace("_T2w", "_T1w")).unlink()
    done = snakemake(tmp_path, "all", config=few(config))
    assert done.returncode == 0, done.stdout[-6000:]
    results = tmp_path / "results/tiny"
    sessions = read_tsv(results / "cohorts/study/sessions.tsv")
    scores = read_tsv(results / "numbers/fidelity.tsv")
    test = read_tsv(results / "cohorts/study/splits.tsv").set_index("subject").split
    mine = sessions[sessions.subject.map(test) == "test"]
    for name in ("T1w", "T2w"):
        assert (mine[name] == "").any()
        scored = scores[scores.modality == name]
        assert set(zip(scored.subject, scored.session, strict=True)) == {
            (row.subject, row.session) for row in mine.itertuples() if getattr(row, name)
        }
    table = pd.read_csv(results / "tables/table1.csv")
    assert {"T1w", "T2w"} <= set(table.modality) and table.value.notna().all()

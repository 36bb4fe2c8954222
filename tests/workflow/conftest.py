"""Runs that several files of tests look at."""

import copy
import shutil

import pytest
import yaml

from neuroquant.config.cohort import Cohort
from neuroquant.synthetic.bids import write_cohort
from tests.workflow.importer import importer, snakemake_in
from tests.workflow.run import ROOT, TINY, few, snakemake


@pytest.fixture
def clone(tmp_path):
    """A copy of the project in a folder with a space."""
    folder = tmp_path / "my clone"
    folder.mkdir()
    shutil.copy(ROOT / "Snakefile", folder)
    for name in ("rules", "workflow_scripts", "neuroquant", "config", "envs", "profiles", "demo"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A folder in which the tiny experiment has run to its report; its name has a space, as users' folders do."""
    folder = tmp_path_factory.mktemp("results of") / "finished run"
    done = snakemake(folder, "all")
    assert done.returncode == 0, done.stdout[-6000:]
    (folder / "run.log").write_text(done.stdout)
    return folder


@pytest.fixture(scope="session")
def imported(tmp_path_factory):
    """A folder whose Snakefile imports the workflow, run to the report and to a rule of its own.

    Its cohort is a BIDS folder in which a third of the sessions have no T2w scan, and a third no T1w scan.
    """
    folder = importer(tmp_path_factory.mktemp("an importer") / "my study")
    scans = folder / "bids"
    write_cohort(Cohort.model_validate(TINY["cohorts"][0]), scans)
    for number, path in enumerate(sorted(scans.glob("sub-*/ses-*/anat/*_T2w.nii.gz"))):
        if number % 3 == 0:
            path.unlink()
        elif number % 3 == 1:
            path.with_name(path.name.replace("_T2w", "_T1w")).unlink()
    config = copy.deepcopy(TINY)
    config["cohorts"] = [{"name": "study", "label": "Study", "root": str(scans), "require": "any"}]
    config |= {"models": ["mean", "neuroquant"], "overrides": {"neuroquant": TINY["overrides"]["neuroquant"]}}
    for shown in ("table1", "table2"):
        config[shown] = {"models": ["neuroquant"], "cohorts": ["study"]}
    config["figure4"] = {"cohort": "study", "models": ["neuroquant"]}
    (folder / "config/config.yaml").write_text(yaml.safe_dump(few(config), sort_keys=False))
    done = snakemake_in(folder, "all", "mine", "--scheduler", "greedy")
    assert done.returncode == 0, done.stdout[-6000:]
    return folder

"""Every block of YAML, Python and JSON in the README and the docs is what it says: it validates, or it runs."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from torch import Tensor

from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.config.load import resolve_experiment
from neuroquant.statistics.metrics import Metric
from neuroquant.synthetic.bids import write_cohort
from neuroquant.training.job_file import JobFile

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COARSE = ROOT / "neuroquant/pretrained/synth-coarse"
ELSEWHERE = {"tutorial-tokenizer.md", "adding-a-model.md", "deploying.md"}
"""Pages whose Python runs in tests of its own: test_tutorial.py, models/test_adding.py, workflow/test_module.py."""


def blocks(language: str) -> list:
    """(page, text) of every block in a language."""
    found = [
        (page.name, text)
        for page in PAGES
        for text in re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    ]
    return [pytest.param(page, text, id=f"{page}-{number}") for number, (page, text) in enumerate(found)]


def of(language: str, but: set[str] = frozenset()) -> list:
    return [each for each in blocks(language) if each.values[0] not in but]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with what the pages take for granted: a cohort's file, folders, a model, scans."""
    for name in ("IXI_ROOT", "HCP_ROOT", "NCANDA_ROOT", "ABCD_ROOT"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "cohorts").mkdir()
    (tmp_path / "cohorts/mystudy.yaml").write_text("name: mystudy\nlayout: bids\nroot: /data/mystudy\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def filled(text: str) -> str:
    """A block with values where a page leaves them to the reader."""
    text = re.sub(r"sha256: (\.\.\.|<hash>)", f"sha256: {64 * 'a'}", text)
    return re.sub(r"/models/\w+", str(COARSE), text)


def experiment_of(raw: dict) -> dict:
    """A whole experiment around a fragment: of an experiment, of a cohort's file, or of a model's."""
    base = {"cohorts": ["synthetic_a"], "models": ["neuroquant", "mean"]}
    if raw.keys() <= Experiment.model_fields.keys():
        return base | raw
    if {"layout", "entities"} & raw.keys():
        return base | {"cohorts": [{"name": "x", "layout": "bids"} | raw]}
    architecture = {} if "extends" in raw else {"architecture": "neuroquant"}
    return base | {"models": ["mean", {"name": "x"} | architecture | raw]}


@pytest.mark.parametrize(("page", "text"), of("yaml"))
def test_yaml_is_part_of_an_experiment(page, text, here):
    raw = yaml.safe_load(filled(text))
    if raw.get("architecture") == "baselines.my_model":  # which the reader is about to write
        raw |= {"architecture": "neuroquant", "parameters": {}}
    whole = experiment_of(raw)
    if any(isinstance(model, dict) and "extends" in model for model in whole["models"]):
        (here / "models").mkdir()
        (here / "models/wide.yaml").write_text(text)
        whole["models"] = ["mean", "wide"]
    assert resolve_experiment(whole, here, page)


@pytest.mark.parametrize(("page", "text"), of("json"))
def test_json_is_a_training(page, text):
    assert JobFile.model_validate(json.loads(text)).folder


def test_lines_of_metrics_and_their_functions_are_as_the_registry_takes_them():
    names = {"Metric": Metric, "Tensor": Tensor}
    lines = [each.values[1] for each in of("python") if each.values[0] == "metrics.md"]
    assert len(lines) >= 3
    for text in lines:
        exec(compile(text.replace("{...,", "{"), "metrics.md", "exec"), names)  # noqa: S102 - our own page
    assert "median_error" in names["MEASURES"]


@pytest.fixture
def scans(here):
    """A trained model and scans where the pages have them."""
    write_cohort(Cohort(name="x", synthetic={"subjects": 2, "visits_max": 1, "voxel_mm": 5.0}), here / "made")
    shutil.copytree(COARSE, here / "results/demo/models/neuroquant")
    made = sorted((here / "made").glob("sub-*/ses-*/anat/*_T1w.nii.gz"))
    for number, scan in enumerate(made, start=1):
        for kind in ("T1w", "T2w"):
            shutil.copy(scan.with_name(scan.name.replace("T1w", kind)), here / f"sub-{number:02d}_{kind}.nii.gz")
    target = here / "results/demo/cohorts/synthetic_a/bids/sub-0001/ses-01/anat/sub-0001_ses-01_T1w.nii.gz"
    target.parent.mkdir(parents=True)
    shutil.copy(made[0], target)
    return here


@pytest.mark.parametrize(("page", "text"), of("python", ELSEWHERE | {"metrics.md"}))
def test_python_runs(page, text, scans):
    generator = np.random.default_rng(0)
    scan = generator.random((20, 24, 18)).astype(np.float32)
    names = {"Path": Path, "scan": scan, "copy": scan * 0.9, "brain": scan > 0.1}
    names["values_of_the_cohort"] = list(generator.normal(1300, 90, 30))
    exec(compile(text, page, "exec"), names)  # noqa: S102 - our own page
    if "tokens" in names:
        assert names["tokens"].indices is not None and names["image"].shape

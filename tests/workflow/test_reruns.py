"""What makes a job run again: its inputs, the settings that it uses, the text of its code. Dates of code don't."""

import copy
import os
import shutil
from pathlib import Path

import pytest

from neuroquant.config.load import merge, read_yaml
from tests.workflow.declared import declared
from tests.workflow.run import ROOT, TINY, job_counts, snakemake

pytestmark = pytest.mark.slow

NETWORKS = {"make_cohort", "index", "preprocess", "train", "save_untrained", "fit_standin", "export_latents"} | {
    "reconstruct", "segment", "segment_reference", "probe", "probe_volumes",
}  # fmt: skip
"""Rules that read scans or run a network: hours on a real cohort."""
ALWAYS = {"front_page", "report", "all"}
"""What shows the whole configuration."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A copy of the project."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("rules", "workflow_scripts", "neuroquant", "config", "envs", "profiles"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


def planned(finished: Path, config: dict | None = None, root: Path = ROOT) -> set[str]:
    """Rules that a dry run on the finished experiment lists."""
    done = snakemake(finished, "--dry-run", "all", config=config, root=root)
    assert done.returncode == 0, done.stdout[-3000:]
    return set(job_counts(done.stdout))


def changed(**settings: object) -> dict:
    """The tiny experiment with other settings."""
    return merge(copy.deepcopy(TINY), settings)


def relabelled(label: str) -> dict:
    """The tiny experiment with another label of its full model, which has a file of its own."""
    config = copy.deepcopy(TINY)
    model = read_yaml(ROOT / "config/models/neuroquant.yaml") | {"label": label}
    config["models"] = [model if name == "neuroquant" else name for name in TINY["models"]]
    return config


def test_nothing_is_planned_for_a_finished_experiment(finished):
    assert planned(finished) == set()


def test_touching_every_script_and_module_plans_nothing(finished, clone):
    before = planned(finished, root=clone)
    assert before <= ALWAYS, "the pages of provenance name the project's folder"
    for path in [*clone.glob("workflow_scripts/*.py"), *clone.glob("neuroquant/**/*.py"), *clone.glob("rules/*.smk")]:
        os.utime(path)
    assert planned(finished, root=clone) == before


@pytest.mark.parametrize(
    ("edited", "redone"),
    [
        ("workflow_scripts/fidelity.py", {"fidelity", "gather", "cells", "table"}),
        ("workflow_scripts/training_curves.py", {"training_curves"}),
        ("neuroquant/report/figures/training_curves.py", {"training_curves"}),
        ("neuroquant/evaluation/anatomy/surface.py", {"score_anatomy", "gather", "cells", "table", "breakdown"}),
        ("neuroquant/models/baselines/vqgan/network.py", set()),
    ],
)
def test_an_edit_of_code_redoes_what_uses_it_and_trains_nothing_anew(finished, clone, edited, redone):
    path = clone / edited
    text = path.read_text()
    path.write_text(text + "\n# an edit\n")
    try:
        jobs = planned(finished, root=clone)
    finally:
        path.write_text(text)
    assert redone <= jobs and jobs - ALWAYS >= redone and not jobs & NETWORKS
    assert redone or jobs <= ALWAYS


def test_an_edit_of_the_text_of_the_training_script_trains_again_until_it_is_undone(finished, clone):
    path = clone / "workflow_scripts/train.py"
    text = path.read_text()
    path.write_text(text + "\n# an edit\n")
    assert {"train", "save_untrained", "reconstruct"} <= planned(finished, root=clone)
    path.write_text(text)
    assert planned(finished, root=clone) <= ALWAYS


def test_the_title_of_the_report_reruns_what_shows_it_and_nothing_else(finished):
    assert planned(finished, changed(report={"title": "Another"})) == ALWAYS


def test_a_label_reruns_tables_and_figures_but_trains_nothing(finished):
    jobs = planned(finished, relabelled("Renamed"))
    assert {"table", "claims", "draw_figure3", "draw_figure4", "draw_rate", "training_curves"} <= jobs
    assert not jobs & (NETWORKS | {"fidelity", "score_anatomy", "gather", "cells"})


def test_the_label_of_a_cohort_reads_no_scan_again(finished):
    cohort = TINY["cohorts"][0] | {"label": "Renamed", "stands_for": "ABCD"}
    jobs = planned(finished, TINY | {"cohorts": [cohort]})
    assert {"table", "claims", "qc"} <= jobs and not jobs & NETWORKS


def test_another_confidence_reruns_statistics_but_no_network(finished):
    jobs = planned(finished, changed(statistics={"confidence": 0.9}))
    assert {"cells", "table", "claims", "breakdown", "disentanglement"} <= jobs
    assert not jobs & (NETWORKS | {"fidelity", "score_anatomy", "spread"})


CHANGES = {
    "modalities": {"modalities": ["T2w", "T1w"]},
    "table1": {"table1": {"models": ["sd_vae", "neuroquant", "mean"]}},
    "table2": {"table2": {"models": ["neuroquant", "neuroquant_base"]}},
    "figure4": {"figure4": {"models": ["neuroquant"]}},
    "figure4.models": {"figure4": {"models": ["neuroquant_base", "neuroquant"]}},
    "fidelity.region": {"fidelity": {"region": "brain"}},
    "statistics": {"statistics": {"seed": 1}},
    "statistics.confidence": {"statistics": {"confidence": 0.9}},
    "report.identifiable": {"report": {"identifiable": True}},
    "segmentation.surface_tolerance_mm": {"segmentation": {"surface_tolerance_mm": 2.0}},
    "probe.permuted": {"probe": {"permuted": True}},
    "probe.aims": {"probe": {"targets": ["age"]}},
    "models.training.phases": {"overrides": {"neuroquant": {"training": {"phases": [{"mode": "3d", "steps": 7}]}}}},
    "models.objective.adversary": {"overrides": {"neuroquant": {"objective": {"adversary": 0.5}}}},
    "models.group": {"overrides": {"neuroquant": {"training": {"phases": []}}}},
}
"""Setting that a rule may declare -> a change of it."""
ON_DEMAND = {"draw_subject_pages", "write_derivatives", "draw_robustness", "target_details"}
"""Rules that no part of this experiment's `all` needs, so that a summary of it doesn't list them."""


@pytest.mark.parametrize("setting", sorted(CHANGES))
def test_every_rule_that_declares_a_setting_runs_again_when_it_changes(finished, setting):
    users = {rule for rule, settings in declared().items() if setting in settings} - ON_DEMAND
    assert users, f"no rule declares {setting}; take it off CHANGES"
    done = snakemake(finished, "--summary", config=changed(**CHANGES[setting]))
    assert done.returncode == 0, done.stdout[-3000:]
    lines = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") == 5]
    rerun = {rule for _, _, rule, _, status, _ in lines if status in ("params changed", "set of input files changed")}
    assert users <= rerun


def test_every_declared_setting_has_a_change_that_shows_it():
    shown = {"models", "cohorts"} | {
        f"models.{name}" for name in ("name", "architecture", "published_as", "replicate_of")
    }
    shown |= {"cohorts.name", "cohorts.stands_for", "robustness"}
    assert set().union(*declared().values()) - shown == set(CHANGES)

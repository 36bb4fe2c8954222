"""A model with two seeds: every rule has a job for each. Their scores and tables are looked at in test_external."""

import copy

import pytest

from tests.workflow.run import TINY, job_counts, snakemake

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

"""Asks, experiments and manifests for tests of plans and estimates."""

import yaml

from neuroquant.cluster.asks import Ask
from neuroquant.config.load import load_experiment, resolve_experiment
from tests.workflow.run import ROOT

HEADER = "subject\tT1w\tT2w\tT1w_stamp\tT2w_stamp\n"
"""Columns of a manifest, as far as a plan reads them."""


def experiment_of(path):
    """The experiment of a YAML file."""
    return load_experiment(path, ROOT / "config")


def ask_of(rule, jobs):
    """So many jobs of a rule."""
    return Ask(rule, jobs, False, 1, 1, 60, "", "", "", "")


def resolved(tmp_path, **changes):
    """The paper's experiment with changes, its folders anywhere."""
    cohorts = [{"name": name, "root": str(tmp_path)} for name in ("ncanda", "abcd")]
    raw = {**yaml.safe_load((ROOT / "config/config.yaml").read_text()), "cohorts": cohorts, "models": ["neuroquant"]}
    raw["table1"]["models"] = raw["table2"]["models"] = raw["figure4"]["models"] = ["neuroquant"]
    for section, values in changes.items():
        raw[section] |= values
    return resolve_experiment(raw, ROOT / "config", "x")


def with_manifests(results, experiment, sessions):
    """Shards of so many sessions a cohort, dealt out by the shares of the splits."""
    for name, number in sessions.items():
        folder = results / "cohorts" / name / "shards"
        folder.mkdir(parents=True)
        for split, shards in experiment.shards.model_dump().items():
            share = round(number * getattr(experiment.split, split) / shards)
            for shard in range(shards):
                (folder / f"{split}-{shard:03d}.tsv").write_text(HEADER + "a\tt1\tt2\n" * share)

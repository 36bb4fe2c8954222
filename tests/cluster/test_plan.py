"""`neuroquant plan`, and the same check when `snakemake --profile slurm` starts."""

import copy
import dataclasses
import os
import re
import subprocess
import sys

import pytest
import yaml

from neuroquant.cli import main
from neuroquant.cluster.asks import planned
from neuroquant.cluster.estimate import Part
from neuroquant.cluster.plan import costs_table, jobs_table
from neuroquant.config.load import merge
from neuroquant.statistics.runtime import NETWORK_RULES
from tests.workflow.run import ROOT, TINY

TOOLS = os.environ["PATH"]
HEADER = "subject\tT1w\tT2w\tT1w_stamp\tT2w_stamp\n"
"""Columns of a manifest, as far as a plan reads them."""


@pytest.fixture
def site(site, monkeypatch):
    """The same site, with everything besides SLURM that this machine has."""
    monkeypatch.setenv("PATH", f"{site.folder}:{TOOLS}")
    return site


def test_under_the_profile_every_job_asks_for_memory_time_cores_and_where_it_may_run(tiny):
    config = copy.deepcopy(TINY)
    config["compute"] |= {"threads": 6}
    config["probe"] |= {"targets": ["sex", "age"]}
    tiny.write_text(yaml.safe_dump(config))
    asks = planned(tiny, str(ROOT / "slurm"))
    jobs = {ask.rule: ask for ask in asks if not ask.local}
    assert {"index", "preprocess", "train", "reconstruct", "segment", "probe"} <= set(jobs)
    for ask in jobs.values():
        assert ask.mem_mb and ask.runtime and ask.account and ask.partition and ask.tmpdir, ask
    assert jobs["train"].threads == 6, "the profile's cores for cheap steps don't cut the others' threads"
    gpus = {rule for rule, ask in jobs.items() if ask.gpus}
    segments, probes = (
        {"segment_reference", "segment"},
        {"probe", "probe_volumes", "probe_target", "probe_target_volumes"},
    )
    assert gpus == {"train", "reconstruct", "export_latents"} | segments | probes
    here = {ask.rule for ask in asks if ask.local}
    assert {"split", "assign", "account", "gather", "table", "front_page", "report"} <= here


def test_every_rule_that_runs_a_network_gets_a_gpu_and_counts_its_hours():
    text = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    blocks = re.split(r"^(?=rule |use rule |checkpoint )", text, flags=re.M)
    named = {re.match(r"(?:use rule (\w+) as|rule|checkpoint) (\w+)", block): block for block in blocks[1:]}
    on_device = {match[2] for match, block in named.items() if "device=COMPUTE.device" in block}
    on_device |= {match[2] for match, block in named.items() if match[1] in on_device and 'device="cpu"' not in block}
    on_device -= {"preprocess"}  # only where heads are masked by a network, which the site's profile decides
    on_device |= {"fit_standin"}  # in the segmenter's place, of which it is a part
    assert on_device == set(NETWORK_RULES)
    profile = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())["set-resources"]
    assert {rule for rule, asked in profile.items() if "gres" in asked} == on_device - {"fit_standin"}


@pytest.mark.slow
def test_preprocessing_that_masks_raw_heads_asks_for_what_a_network_does(tiny, tmp_path, monkeypatch):
    command = tmp_path / "bin/mri_synthseg"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    config = copy.deepcopy(TINY)
    config["compute"] |= {"threads": 6, "mem_mb": 9000}
    config["volume"]["brain_mask"] = ["given", "stripped", "synthseg"]
    config["segmentation"]["engine"] = "freesurfer"
    tiny.write_text(yaml.safe_dump(config))
    (ask,) = (ask for ask in planned(tiny, str(ROOT / "slurm")) if ask.rule == "preprocess")
    assert (ask.mem_mb, ask.threads) == (9000, 6)


@pytest.mark.slow
def test_a_training_over_two_nodes_costs_the_gpus_of_both(tiny):
    config = copy.deepcopy(TINY)
    config["models"].append("identity")
    config["compute"] |= {"gpus": 4, "nodes": 2}
    for override in config["overrides"].values():
        for phase in override["training"]["phases"]:
            phase["batch"] = 4
    tiny.write_text(yaml.safe_dump(config))
    asks = planned(tiny, str(ROOT / "slurm"))
    (train,), others = ([ask for ask in asks if ask.rule == rule] for rule in ("train", "save_untrained"))
    (untrained,) = (ask for ask in others if ask.runtime == 30)
    assert (untrained.gpus, untrained.nodes, untrained.jobs) == (0, 1, 1) and train.jobs == 3
    assert (train.nodes, train.gres, train.gpus, train.mem_mb) == (2, "gpu:h100:2", 4, 2 * 3000)
    table = "\n".join(costs_table([train], [Part("train", 3.0, 1.0, "a clock")]))
    assert "GPU-hours: 12 by these rates" in table and "\n  12 were every job" in table
    odd = dataclasses.replace(train, runtime=640)
    assert " 10.7 " in "\n".join(jobs_table([odd], True))
    assert "gpu:h100:2 on each of 2 nodes" in "\n".join(jobs_table([train], True))


@pytest.mark.slow
def test_models_that_are_fitted_to_all_volumes_ask_for_the_memory_and_the_time_of_that_and_for_no_gpu(tiny):
    config = copy.deepcopy(TINY)
    config["compute"] |= {"threads": 6, "mem_mb": 3000}
    config["volume"]["shape"] = [144, 192, 144]
    tiny.write_text(yaml.safe_dump(config))
    fits = [ask for ask in planned(tiny, str(ROOT / "slurm")) if ask.rule == "save_untrained"]
    assert sum(ask.jobs for ask in fits) == 2 and {ask.gpus for ask in fits} == {0}
    assert {(ask.runtime, ask.threads) for ask in fits} == {(720, 6)}
    voxels, matrices = 144 * 192 * 144, 2 * 2 * (64 + 16)  # of float32, for two modalities
    assert max(ask.mem_mb for ask in fits) > 1000 + 4 * matrices * voxels / 1e6
    assert min(ask.mem_mb for ask in fits) == 3000, "the mean alone takes less than any other job of a network"


def test_plan_tells_jobs_hours_with_their_sources_and_disk(tiny, site, capsys):
    site.says("sinfo", "test*|up|2-00:00:00|16|64000|gpu:h100:2|1")
    assert main(["plan", str(tiny), "--profile", str(ROOT / "slurm")]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^\d+ jobs would be asked of the scheduler", said)
    assert re.search(r"^ +3  train +1 +3000 +1  gpu:h100:1$", said, re.MULTILINE)
    assert "preprocess: benchmarks/preprocess.md: measured" in said
    assert "No rate is recorded for" in said and "GPU-hours:" in said and "Disk below results/tiny" in said
    assert not [call for call in site.calls() if call.startswith("sbatch") and "--test-only" not in call]


def test_plan_names_what_cannot_work_and_fails(tiny, site, capsys):
    site.says("sinfo", "test*|up|2-00:00:00|16|64000|gpu:v100:2|1")
    assert main(["plan", str(tiny), "--profile", str(ROOT / "slurm")]) == 1
    assert "gpu:h100:1; GPUs of a node of partition test: 2 x v100" in capsys.readouterr().err


def test_plan_says_why_an_experiment_cannot_be_planned(tiny, capsys):
    config = {
        **TINY,
        "cohorts": [{"name": "real", "root": "/nowhere"}],
        "figure4": {"cohort": "real", "models": ["neuroquant"]},
    }
    config |= {name: {"models": ["neuroquant"], "cohorts": ["real"]} for name in ("table1", "table2")}
    tiny.write_text(yaml.safe_dump(config))
    assert main(["plan", str(tiny)]) == 1
    assert "/nowhere: no such folder" in capsys.readouterr().err


def start(tiny, *more, target="all", profile=str(ROOT / "slurm")):
    command = [sys.executable, "-m", "snakemake", target, "--profile", profile, *more]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(tiny)]
    return subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=120
    )


def test_a_run_stops_before_its_first_job_where_the_site_cannot_take_it(tiny, site):
    site.says("sinfo", "gpu|up|infinite|16|64000|gpu:h100:2|1")
    done = start(tiny)
    assert done.returncode != 0, done.stdout
    assert "partition test" in done.stdout and "expected: one of gpu" in done.stdout and "to do:" in done.stdout
    assert not [call for call in site.calls() if call.startswith("sbatch")]
    assert not (tiny.parent / "results/tiny/cohorts/synthetic").exists()


@pytest.mark.slow
def test_retries_ask_for_more_memory_until_a_node_has_no_more(tiny, site):
    site.says("sinfo", "test*|up|2-00:00:00|16|5000|gpu:h100:2|1")
    site.says("sacctmgr", "study")
    refusing = 'case "$*" in *--test-only*) ;; *) exit 1;; esac'
    path = site.folder / "sbatch"
    path.write_text(path.read_text().replace("cat <<", f"{refusing}\ncat <<", 1))
    soon = ("--slurm-init-seconds-before-status-checks", "1")
    done = start(tiny, *soon, target="results/tiny/cohorts/synthetic/inventory.tsv")
    asked = [
        re.search(r"--mem (\d+)", call)[1] for call in site.calls() if call.startswith("sbatch") and "--mem " in call
    ]
    assert asked == ["2048", "4096", "5000"], done.stdout


def profile_with(folder, **keys):
    """The shipped profile with other keys, those of mappings added, in a folder of its own."""
    text = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())
    for key, value in keys.items():
        key = key.replace("_", "-")
        text[key] = merge(text.get(key, {}), value) if isinstance(value, dict) else value
    (folder / "site").mkdir()
    (folder / "site/config.yaml").write_text(yaml.safe_dump(text))
    return str(folder / "site")


def demand(site, *needed):
    """Have sbatch refuse every job that lacks one of these, and fail those that it would really start."""
    path = site.folder / "sbatch"
    lines = "".join(f'case " $* " in *" {one} "*) ;; *) echo "lacks {one}" >&2; exit 1;; esac\n' for one in needed)
    lines += 'case "$*" in *--test-only*) ;; *) exit 1;; esac\n'
    path.write_text(path.read_text().replace("cat <<", f"{lines}cat <<", 1))


SITES = {
    "resources": {"default_resources": {"qos": "long", "constraint": "ib", "slurm_extra": "--mail-type=FAIL"}},
    "settings": {"slurm_qos": "long", "default_resources": {"constraint": "ib", "slurm_extra": "--mail-type=FAIL"}},
}


@pytest.mark.slow
@pytest.mark.parametrize("keys", SITES.values(), ids=SITES)
def test_a_site_that_demands_a_qos_a_constraint_and_an_option_takes_the_run(tiny, site, tmp_path, keys):
    site.says("sacctmgr", "study")
    demand(site, "--qos=long", "--mail-type=FAIL")
    profile = profile_with(tmp_path, **keys)
    assert main(["plan", str(tiny), "--profile", profile]) == 0
    done = start(tiny, target="results/tiny/cohorts/synthetic/inventory.tsv", profile=profile)
    asked = [call for call in site.calls() if call.startswith("sbatch")]
    assert "would fail at this site" not in done.stdout and "lacks" not in done.stdout, done.stdout
    assert any("--test-only" not in call for call in asked), done.stdout
    assert all("--constraint=ib" in call for call in asked if "--test-only" in call)


@pytest.mark.slow
@pytest.mark.parametrize("gres", ["gpu:a100-sxm4-80gb:1", "gpu:h100:1,mps:100"])
def test_a_gres_that_the_executor_refuses_is_found_by_plan_and_before_the_first_job(tiny, site, tmp_path, capsys, gres):
    profile = profile_with(tmp_path, set_resources={"train": {"gres": gres}})
    assert main(["plan", str(tiny), "--profile", profile]) == 1
    said = capsys.readouterr().err
    assert f"Invalid GRES format: {gres}" in said and "--gpus-per-node=NAME:1" in said
    done = start(tiny, profile=profile)
    assert done.returncode and f"Invalid GRES format: {gres}" in done.stdout
    assert not [call for call in site.calls() if call.startswith("sbatch") and "--test-only" not in call]


@pytest.mark.slow
def test_a_gpu_that_only_sbatch_can_name_is_asked_for_as_often_as_processes_need_it(tiny, site, tmp_path):
    config = copy.deepcopy(TINY)
    config["compute"] |= {"gpus": 2}
    for override in config["overrides"].values():
        for phase in override["training"]["phases"]:
            phase["batch"] = 2
    tiny.write_text(yaml.safe_dump(config))
    extra = {"gres": "", "slurm_extra": "--mail-type=FAIL --gpus-per-node=a100-sxm4-80gb:1"}
    (train,) = [a for a in planned(tiny, profile_with(tmp_path, set_resources={"train": extra})) if a.rule == "train"]
    assert train.gpu == ("a100-sxm4-80gb", 2) and train.gpus == 2 and "--mail-type=FAIL" in train.options


def test_a_dry_run_asks_nothing_of_the_site(tiny, site):
    site.says("sinfo", "gpu|up|infinite|16|64000|gpu:h100:2|1")
    assert start(tiny, "--dry-run").returncode == 0
    assert not [call for call in site.calls() if call.startswith(("sinfo", "sbatch"))]


@pytest.mark.slow
def test_a_job_on_all_trainings_may_run_longer_the_more_there_are(tiny):
    """40 minutes each of 13 trainings, the base model and the mean, in place of 8 hours."""
    config = copy.deepcopy(TINY)
    own = {"name": "mine", "architecture": "neuroquant", "training": {"seeds": list(range(13))}}
    config["models"] = ["mean", own, "neuroquant_base"]
    config["overrides"].pop("baselines.sd_vae")
    tiny.write_text(yaml.safe_dump(config))
    (ask,) = (ask for ask in planned(tiny, str(ROOT / "slurm")) if ask.rule == "fidelity")
    assert ask.runtime == 600

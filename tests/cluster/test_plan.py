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
from neuroquant.cluster.check import walltime_faults
from neuroquant.cluster.estimate import MAKERS, Part, bytes_needed, disk, latent_bytes, pairs_of, parts
from neuroquant.cluster.plan import costs_table, jobs_table
from neuroquant.cluster.rates import earlier_runs, recorded
from neuroquant.config.load import load_experiment, merge, resolve_experiment
from tests.workflow.run import ROOT, TINY


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The tiny experiment's YAML in a folder of its own, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY, sort_keys=False))
    return path


TOOLS = os.environ["PATH"]
HEADER = "subject\tT1w\tT2w\tT1w_stamp\tT2w_stamp\n"
"""Columns of a manifest, as far as a plan reads them."""


@pytest.fixture
def site(site, monkeypatch):
    """The same site, with everything besides SLURM that this machine has."""
    monkeypatch.setenv("PATH", f"{site.folder}:{TOOLS}")
    return site


def experiment_of(path):
    return load_experiment(path, ROOT / "config")


def test_under_the_profile_every_job_asks_for_memory_time_cores_and_where_it_may_run(tiny):
    config = copy.deepcopy(TINY)
    config["compute"] |= {"threads": 6}
    tiny.write_text(yaml.safe_dump(config))
    asks = planned(tiny, str(ROOT / "slurm"))
    jobs = {ask.rule: ask for ask in asks if not ask.local}
    assert {"index", "preprocess", "train", "reconstruct", "segment", "probe"} <= set(jobs)
    for ask in jobs.values():
        assert ask.mem_mb and ask.runtime and ask.account and ask.partition and ask.tmpdir, ask
    assert jobs["train"].threads == 6, "the profile's cores for cheap steps don't cut the others' threads"
    gpus = {rule for rule, ask in jobs.items() if ask.gpus}
    assert gpus == {"train", "reconstruct", "export_latents", "segment_reference", "segment", "probe", "probe_volumes"}
    here = {ask.rule for ask in asks if ask.local}
    assert {"split", "assign", "account", "gather", "table", "front_page", "report"} <= here


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


def test_a_training_over_two_nodes_costs_the_gpus_of_both(tiny):
    config = copy.deepcopy(TINY)
    config["models"].append("identity")
    config["table1"]["rows"].append("identity")
    config["compute"] |= {"gpus": 4, "nodes": 2}
    for row in config["overrides"].values():
        for phase in row["training"]["phases"]:
            phase["batch"] = 4
    tiny.write_text(yaml.safe_dump(config))
    asks = planned(tiny, str(ROOT / "slurm"))
    (train,), others = ([ask for ask in asks if ask.rule == rule] for rule in ("train", "save_untrained"))
    (untrained,) = (ask for ask in others if ask.runtime == 30)
    assert (untrained.gpus, untrained.nodes, untrained.jobs) == (0, 1, 1) and train.jobs == 3
    assert (train.nodes, train.gres, train.gpus, train.mem_mb) == (2, "gpu:h100:2", 4, 2 * 3000)
    table = "\n".join(costs_table([train], [Part("train", 3.0, 1.0, "a clock")]))
    assert "GPU-hours: 12 by these rates" in table and "\n  12 were every job" in table
    assert "gpu:h100:2 on each of 2 nodes" in "\n".join(jobs_table([train], True))


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


def test_a_fit_costs_its_passes_over_the_training_volumes(tiny, tmp_path):
    experiment = resolve_experiment({**TINY, "volume": {"shape": [144, 192, 144]}}, ROOT / "config", "x")
    with_manifests(tmp_path, experiment, {"embedded": 100})
    (part,) = parts([ask_of("save_untrained", 2)], experiment, tmp_path, {})
    pass_s = 50 * recorded()["fit"].value
    assert part.longest == pytest.approx(5 * pass_s / 3600) and part.hours == pytest.approx(6 * pass_s / 3600)


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
        "figure4": {"cohort": "real", "rows": ["neuroquant"]},
    }
    config |= {name: {"rows": ["neuroquant"], "cohorts": ["real"]} for name in ("table1", "table2")}
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
    assert not (tiny.parent / "results/tiny/cohorts/embedded").exists()


def test_retries_ask_for_more_memory_until_a_node_has_no_more(tiny, site):
    site.says("sinfo", "test*|up|2-00:00:00|16|5000|gpu:h100:2|1")
    site.says("sacctmgr", "study")
    refusing = 'case "$*" in *--test-only*) ;; *) exit 1;; esac'
    path = site.folder / "sbatch"
    path.write_text(path.read_text().replace("cat <<", f"{refusing}\ncat <<", 1))
    soon = ("--slurm-init-seconds-before-status-checks", "1")
    done = start(tiny, *soon, target="results/tiny/cohorts/embedded/inventory.tsv")
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


@pytest.mark.parametrize("keys", SITES.values(), ids=SITES)
def test_a_site_that_demands_a_qos_a_constraint_and_an_option_takes_the_run(tiny, site, tmp_path, keys):
    site.says("sacctmgr", "study")
    demand(site, "--qos=long", "--mail-type=FAIL")
    profile = profile_with(tmp_path, **keys)
    assert main(["plan", str(tiny), "--profile", profile]) == 0
    done = start(tiny, target="results/tiny/cohorts/embedded/inventory.tsv", profile=profile)
    asked = [call for call in site.calls() if call.startswith("sbatch")]
    assert "would fail at this site" not in done.stdout and "lacks" not in done.stdout, done.stdout
    assert any("--test-only" not in call for call in asked), done.stdout
    assert all("--constraint=ib" in call for call in asked if "--test-only" in call)


@pytest.mark.parametrize("gres", ["gpu:a100-sxm4-80gb:1", "gpu:h100:1,mps:100"])
def test_a_gres_that_the_executor_refuses_is_found_by_plan_and_before_the_first_job(tiny, site, tmp_path, capsys, gres):
    profile = profile_with(tmp_path, set_resources={"train": {"gres": gres}})
    assert main(["plan", str(tiny), "--profile", profile]) == 1
    said = capsys.readouterr().err
    assert f"Invalid GRES format: {gres}" in said and "--gpus-per-node=NAME:1" in said
    done = start(tiny, profile=profile)
    assert done.returncode and f"Invalid GRES format: {gres}" in done.stdout
    assert not [call for call in site.calls() if call.startswith("sbatch") and "--test-only" not in call]


def test_a_gpu_that_only_sbatch_can_name_is_asked_for_as_often_as_processes_need_it(tiny, site, tmp_path):
    config = copy.deepcopy(TINY)
    config["compute"] |= {"gpus": 2}
    for row in config["overrides"].values():
        for phase in row["training"]["phases"]:
            phase["batch"] = 2
    tiny.write_text(yaml.safe_dump(config))
    extra = {"gres": "", "slurm_extra": "--mail-type=FAIL --gpus-per-node=a100-sxm4-80gb:1"}
    (train,) = [a for a in planned(tiny, profile_with(tmp_path, set_resources={"train": extra})) if a.rule == "train"]
    assert train.gpu == ("a100-sxm4-80gb", 2) and train.gpus == 2 and "--mail-type=FAIL" in train.options


def test_a_dry_run_asks_nothing_of_the_site(tiny, site):
    site.says("sinfo", "gpu|up|infinite|16|64000|gpu:h100:2|1")
    assert start(tiny, "--dry-run").returncode == 0
    assert not [call for call in site.calls() if call.startswith(("sinfo", "sbatch"))]


def test_pairs_are_counted_in_manifests_and_before_that_expected_by_shares(tiny, tmp_path):
    experiment = experiment_of(tiny)
    expected = pairs_of(experiment, tmp_path)["embedded"]
    assert sum(expected.values()) == pytest.approx(16 * 1.5) and expected["train"] == pytest.approx(12)
    shards = tmp_path / "cohorts/embedded/shards"
    shards.mkdir(parents=True)
    for name, sessions in (("train-000", 5), ("val-000", 0), ("test-000", 2), ("test-001", 3)):
        (shards / f"{name}.tsv").write_text(HEADER + "a\tt1\tt2\n" * sessions)
    with (shards / "test-001.tsv").open("a") as file:
        file.write("b\tt1\t\n")
    assert pairs_of(experiment, tmp_path)["embedded"] == {"train": 5, "val": 0, "test": 5.5}


def test_disk_grows_with_the_volumes_and_shrinks_by_what_is_there(tiny, tmp_path):
    small = experiment_of(tiny)
    large = resolve_experiment({**TINY, "volume": {"shape": [64, 64, 64]}}, ROOT / "config", "x")
    rules = set(MAKERS.values())
    assert bytes_needed(large, tmp_path, rules) == pytest.approx(8 * bytes_needed(small, tmp_path, rules), rel=1e-3)
    assert 0 < bytes_needed(small, tmp_path, {"preprocess"}) < bytes_needed(small, tmp_path, rules)
    assert bytes_needed(small, tmp_path, {"table"}) == 0
    (tmp_path / "volumes/embedded").mkdir(parents=True)
    (tmp_path / "volumes/embedded/train-000.h5").write_bytes(bytes(1000))
    assert bytes_needed(small, tmp_path, rules) == bytes_needed(small, tmp_path / "elsewhere", rules) - 1000


def test_each_rows_latents_take_their_own_space(tiny, tmp_path):
    config = copy.deepcopy(TINY)
    without = disk(resolve_experiment(config, ROOT / "config", "x"), tmp_path)["latents"]
    config["models"].append("identity")
    config["table1"]["rows"].append("identity")
    images = 2 * 16 * 1.5  # both modalities of the expected sessions
    grown = disk(resolve_experiment(config, ROOT / "config", "x"), tmp_path)["latents"]
    assert grown - without == pytest.approx(images * 32**3 * 2)
    sd_vae = 4 * 32 * 4 * 4 * 2  # four channels, a grid of 4 x 4 in each slice, float16
    tokens = 2 * 2 * 2 * (8 + 8) * 2 + 2 * 2 * 2 * 4  # z_anat and z_q of 8 channels, indices as int32
    z_mod = 2 * 2 * 2 * 4 * 2
    pca = 10 * 2  # (8 tokens of 4 bits and 4 numbers of 32) / 16; the mean image has no latent
    assert without == pytest.approx(images * (sd_vae + 2 * tokens + z_mod + pca))


@pytest.mark.parametrize(("channels", "side"), [([8, 8], 8), ([8, 8, 8], 4), ([8, 8, 8, 8, 8], 1)])
def test_latents_have_the_grid_of_the_models_own_number_of_blocks(channels, side, tmp_path):
    """At 4, 8 and 32 times smaller sides, of volumes of 32 voxels a side."""
    config = copy.deepcopy(TINY)
    config["overrides"]["neuroquant"]["parameters"] |= {"channels": channels, "attention_blocks": [2]}
    experiment = resolve_experiment(config, ROOT / "config", "x")
    one = latent_bytes(experiment.row("neuroquant"), (32, 32, 32))
    assert one == side**3 * ((8 + 8 + 4) * 2 + 4)  # z_anat, z_q and z_mod as float16, indices as int32
    four_blocks = disk(resolve_experiment(TINY, ROOT / "config", "x"), tmp_path)["latents"]
    assert (disk(experiment, tmp_path)["latents"] > four_blocks) == (side > 2)


def test_the_full_model_at_its_default_widths_has_the_floor_of_its_schedule(tmp_path, monkeypatch):
    monkeypatch.setenv("NCANDA_ROOT", str(tmp_path))
    monkeypatch.setenv("ABCD_ROOT", str(tmp_path))
    experiment = load_experiment(ROOT / "config/config.yaml", ROOT / "config")
    asks = [ask_of("train", len(experiment.models))]
    (train,) = parts(asks, experiment, tmp_path, {})
    rates = recorded()
    floor = 100_000 * 4 * rates["train.3d"].value + 25_000 * 128 * rates["train.2d"].value
    assert train.longest == pytest.approx(floor / 3600)
    assert "no rate is recorded for vqgan" in train.source and "analytic floor" in train.source


def ask_of(rule, jobs):
    from neuroquant.cluster.asks import Ask

    return Ask(rule, jobs, False, 1, 1, 60, "", "", "", "")


def resolved(tmp_path, **changes):
    """The paper's experiment with changes, its folders anywhere."""
    cohorts = [{"name": name, "root": str(tmp_path)} for name in ("ncanda", "abcd")]
    raw = {**yaml.safe_load((ROOT / "config/config.yaml").read_text()), "cohorts": cohorts, "models": ["neuroquant"]}
    raw["table1"]["rows"] = raw["table2"]["rows"] = raw["figure4"]["rows"] = ["neuroquant"]
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


def test_shards_that_would_take_longer_than_their_walltime_are_named_with_what_to_raise(tmp_path):
    heavy = resolved(tmp_path, volume={"registration": "all", "voxel_mm": 1.0, "n4": True})
    with_manifests(tmp_path, heavy, {"ncanda": 5_053, "abcd": 14_845})
    ask = dataclasses.replace(ask_of("preprocess", 48), runtime=720)
    (part,) = costs = parts([ask], heavy, tmp_path, {})
    assert part.splits["train"] == pytest.approx(14_845 * 0.75 / 16 * (1.7 + 3.6 + 28 + 25) / 3600, rel=0.01)
    assert part.longest == part.splits["val"]  # 14,845 * 0.1 / 2 are a few more
    (fault,) = walltime_faults([ask], costs, heavy.shards)
    assert "set-resources.preprocess.runtime" in fault.where and "12 h, of which its longest job" in fault.found
    assert "raise shards.train (now 16), shards.val (now 2) of" in fault.remedy
    assert not list(walltime_faults([dataclasses.replace(ask, runtime=1200)], costs, heavy.shards))
    assert not list(walltime_faults([ask], parts([ask], resolved(tmp_path), tmp_path, {}), heavy.shards))
    (raw,) = parts([ask], resolved(tmp_path, volume={"brain_mask": ["synthseg"]}), tmp_path, {})
    assert "without segmenting raw heads" in raw.source


def test_the_ceiling_segments_originals_twice_and_reconstructions_once(tmp_path):
    once, twice = (
        resolved(tmp_path, compute={"device": "cpu"}, segmentation={"ceiling": ceiling}) for ceiling in (False, True)
    )
    with_manifests(tmp_path, once, {"ncanda": 600, "abcd": 600})
    asks = [ask_of("segment_reference", 12), ask_of("segment", 12)]
    before, after = (parts(asks, experiment, tmp_path, {}) for experiment in (once, twice))
    assert [part.hours for part in after] == pytest.approx([2 * before[0].hours, before[1].hours])
    assert before[0].hours == pytest.approx(2 * 180 * 44.2 / 3600)
    before, after = (disk(experiment, tmp_path)["segmentations"] for experiment in (once, twice))
    assert after == pytest.approx(before * 3 / 2)


def test_an_earlier_run_of_the_same_shape_gives_measured_rates(tiny, tmp_path):
    experiment = experiment_of(tiny)
    run = tmp_path / "results/tiny"
    then = experiment.model_dump(mode="json")
    then["segmentation"]["ceiling"] = True  # every original segmented twice
    for path, text in {
        "config.yaml": yaml.safe_dump(then),
        "cohorts/embedded/shards/test-000.tsv": HEADER + "a\tt1\tt2\n" * 4,
        "benchmarks/segment/neuroquant-embedded-test-000.tsv": "s\th:m:s\n20.0\t0:00:20\n",
        "benchmarks/segment_reference/embedded-test-000.tsv": "s\th:m:s\n20.0\t0:00:20\n",
        "benchmarks/train/neuroquant.tsv": "s\th:m:s\n100.0\t0:01:40\n",
    }.items():
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        (run / path).write_text(text)
    longer = copy.deepcopy(TINY)
    longer["overrides"]["neuroquant"]["training"]["phases"][0]["steps"] = 16
    found = earlier_runs(tmp_path / "results", resolve_experiment(longer, ROOT / "config", "x"))
    assert found["segment"].value == 5.0 and "benchmarks/segment" in found["segment"].source
    assert found["segment_reference"].value == 2.5
    assert found["train.neuroquant"].value == pytest.approx(100 * 20 / 10)
    other = resolve_experiment({**TINY, "volume": {"shape": [48, 48, 48]}}, ROOT / "config", "x")
    assert earlier_runs(tmp_path / "results", other) == {}

"""What can't work at a site is found before the first job, with what to edit."""

import dataclasses
import os
from pathlib import Path

import pytest

from neuroquant.cluster import slurm
from neuroquant.cluster.asks import Ask, alike, gpu_of, gpus_of
from neuroquant.cluster.check import faults, most_memory
from neuroquant.cluster.slurm import minutes_of, partitions

TRAIN = Ask("train", 12, False, 8, 60_000, 600, "gpu:h100:1", "study", "test", "/tmp")


def told(*asks: Ask, results: Path, **more) -> str:
    return "\n".join(map(str, faults(list(asks), results, **more)))


def test_a_site_that_has_everything_is_silent_and_nothing_is_submitted(site, tmp_path):
    assert told(TRAIN, results=tmp_path / "results/x") == ""
    submissions = [call for call in site.calls() if call.startswith("sbatch")]
    assert submissions and all("--test-only" in call for call in submissions)


def test_jobs_that_run_here_ask_slurm_nothing(site, tmp_path):
    assert told(dataclasses.replace(TRAIN, local=True), results=tmp_path) == "" and not site.calls()


@pytest.mark.parametrize(
    "change, key, found, remedy",
    [
        ({"partition": "tset"}, "slurm_partition", "partition tset", "one of big, old, test"),
        (
            {"partition": "old", "gres": "", "threads": 1, "mem_mb": 100, "runtime": 5},
            "slurm_partition",
            "down",
            "wait",
        ),
        ({"account": "studdy"}, "slurm_account", "account studdy, which isn't yours", "one of special, study"),
        ({"account": "special"}, "slurm_account", "special in partition test", "only in big"),
        (
            {"gres": "gpu:a100:1"},
            "gres",
            "asks for gpu:a100:1; GPUs of a node of partition test: 2 x h100",
            "sinfo -o %G",
        ),
        ({"gres": "gpu:h100:4"}, "gres", "gpu:h100:4", "sinfo -o %G"),
        ({"runtime": 2880}, "set-resources.train.runtime", "48 h, partition test gives 24 h", "compute.train_hours"),
        ({"threads": 20}, "compute", "20 cores, the largest node of partition test has 16", "compute.threads"),
        ({"mem_mb": 70_000}, "compute", "70000 MB, the largest node of partition test has 64000", "train_mem_mb"),
        ({"nodes": 2}, "compute", "2 nodes, partition test has 1 with what it asks of each", "compute.nodes"),
    ],
)
def test_what_the_partition_cannot_give_is_named_with_what_to_edit(site, tmp_path, change, key, found, remedy):
    said = told(dataclasses.replace(TRAIN, **change), results=tmp_path)
    assert key in said and found in said and remedy in said


@pytest.mark.parametrize("rules", ["probe, probe_volumes", "probe, probe_target, probe_target_volumes"])
def test_a_probe_that_asks_for_more_time_than_there_is_names_its_hours(site, tmp_path, rules):
    said = told(dataclasses.replace(TRAIN, rule=rules, runtime=2880), results=tmp_path)
    assert "set-resources.probe.runtime" in said and "compute.probe_hours" in said


def test_memory_of_a_rule_is_lowered_where_it_is_asked_for(site, tmp_path):
    ask = dataclasses.replace(TRAIN, rule="preprocess", mem_mb=70_000)
    assert "set set-resources.preprocess.mem_mb in the profile" in told(ask, results=tmp_path)


def test_without_a_gpu_a_job_fits_the_large_nodes(site, tmp_path):
    assert told(dataclasses.replace(TRAIN, gres="", threads=64, mem_mb=500_000), results=tmp_path) == ""


def test_several_nodes_are_counted_by_partition_and_asked_of_slurm(site, tmp_path):
    two = dataclasses.replace(TRAIN, gres="gpu:4", partition="big,test", nodes=2, account="")
    assert told(two, results=tmp_path) == ""
    assert any("--nodes=2 --ntasks=2" in call for call in site.calls() if call.startswith("sbatch"))
    assert "4 nodes, partition big,test has 3" in told(dataclasses.replace(two, nodes=4), results=tmp_path)


def test_memory_grows_with_retries_as_far_as_nodes_that_can_run_the_job_have_it(site):
    probe, tables = (dataclasses.replace(TRAIN, rule=rule, mem_mb=30_000) for rule in ("probe", "tables"))
    tables = dataclasses.replace(tables, gres="")
    assert most_memory([TRAIN, probe, tables], 3) == {"train": 64_000, "probe": 64_000, "tables": 90_000}
    assert most_memory([TRAIN, tables], 1) == {"train": 60_000, "tables": 30_000}
    assert most_memory([dataclasses.replace(tables, nodes=41)], 3) == {"tables": 64_000}
    assert most_memory([dataclasses.replace(TRAIN, local=True)], 3) == {}
    site.says("sbatch", status=1, error="allocation failure: Requested node configuration is not available")
    assert most_memory([TRAIN, tables], 3) == {"train": 60_000, "tables": 30_000}


def test_no_sbatch(site, tmp_path):
    site.lacks("sbatch")
    said = told(TRAIN, results=tmp_path)
    assert "no command sbatch" in said and "login node" in said


def test_a_controller_that_does_not_answer(site, tmp_path, monkeypatch):
    site.says("sinfo", status=1, error="slurm_load_partitions: Unable to contact slurm controller (connect failure)")
    assert "Unable to contact slurm controller" in told(TRAIN, results=tmp_path)
    (site.folder / "sleep").symlink_to("/bin/sleep")
    (site.folder / "sinfo").write_text("#!/bin/sh\nexec sleep 5\n")
    monkeypatch.setattr(slurm, "SECONDS", 0.2)
    assert "no answer" in told(TRAIN, results=tmp_path)


def test_no_accounting_names_the_way_without(site, tmp_path):
    site.says("sacct", status=1, error="Slurm accounting storage is disabled")
    site.says("sacctmgr", status=1, error="You are not running a supported accounting_storage plugin")
    said = told(TRAIN, results=tmp_path)
    assert "accounting storage is disabled" in said and "slurm-status-command: squeue" in said
    assert told(TRAIN, results=tmp_path, status="squeue") == ""


def test_what_slurm_itself_refuses_is_passed_on_once_for_all_alike(site, tmp_path):
    site.says("sbatch", status=1, error="allocation failure: Job violates accounting/QOS policy")
    said = told(TRAIN, dataclasses.replace(TRAIN, rule="probe"), results=tmp_path)
    assert said.count("Job violates accounting/QOS policy") == 1 and "jobs of train, probe" in said


def demanding(site, *needed: str) -> None:
    """Have sbatch refuse every job that lacks one of these options."""
    path = site.folder / "sbatch"
    lines = "".join(f'case " $* " in *" {one} "*) ;; *) echo "lacks {one}" >&2; exit 1;; esac\n' for one in needed)
    path.write_text(path.read_text().replace("cat <<", f"{lines}cat <<", 1))


def test_a_site_that_demands_a_qos_and_a_constraint_is_asked_with_them(site, tmp_path):
    demanding(site, "--qos=long", "--constraint=a100&ib", "--comment=my study")
    asked = dataclasses.replace(TRAIN, options="--qos=long --constraint='a100&ib' --comment='my study'")
    assert told(asked, results=tmp_path) == ""
    assert "lacks --qos=long" in told(TRAIN, results=tmp_path)
    assert most_memory([dataclasses.replace(asked, mem_mb=30_000)], 2) == {"train": 60_000}


def test_a_gpu_that_only_sbatch_can_name_is_looked_for_in_the_partition(site, tmp_path):
    named = "--gpus-per-node=nvidia_a100-sxm4-80gb:{}"
    ask = dataclasses.replace(TRAIN, gres="", partition="big", account="", options=named.format(4), nodes=2)
    assert ask.gpu == ("nvidia_a100-sxm4-80gb", 4) and ask.gpus == 8
    assert told(ask, results=tmp_path) == ""
    assert "GPUs of a node" in told(dataclasses.replace(ask, options=named.format(5)), results=tmp_path)


def test_what_the_executor_would_not_submit_is_named_with_the_way_round_it(site, tmp_path):
    said = told(dataclasses.replace(TRAIN, refused="Invalid GRES format: gpu:a-b:1"), results=tmp_path)
    assert "set-resources.train" in said and "Invalid GRES format: gpu:a-b:1" in said
    assert "--gpus-per-node=NAME:1" in said


def test_a_disk_that_is_too_small_and_folders_that_cannot_be_written(site, tmp_path):
    assert "to do:    make room" in told(TRAIN, results=tmp_path / "results", needed=10**18)
    (tmp_path / "file").touch()
    said = told(dataclasses.replace(TRAIN, tmpdir=str(tmp_path / "file")), results=tmp_path)
    assert "default-resources.tmpdir" in said and "no folder" in said
    assert told(dataclasses.replace(TRAIN, tmpdir="/only/on/the/nodes"), results=tmp_path) == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_results_folder_that_is_read_only(site, tmp_path):
    (tmp_path / "results").mkdir(mode=0o500)
    assert "read-only for you" in told(TRAIN, results=tmp_path / "results/x")


def test_partitions_are_read_as_sinfo_prints_them(site):
    found = partitions()
    assert set(found) == {"test", "big", "old"} and found["test"].default and not found["old"].up
    assert found["big"].minutes is None and found["test"].minutes == 1440 and found["old"].minutes == 30
    assert found["big"].nodes[0].gpu == "nvidia_a100-sxm4-80gb" and found["big"].nodes[0].gpus == 4
    assert found["old"].nodes[0].gpu == "" and found["old"].nodes[0].gpus == 2


@pytest.mark.parametrize(
    "limit, minutes",
    [
        ("2-12:00:00", 3600),
        ("8:00:00", 480),
        ("30:00", 30),
        ("90", 90),
        ("1-00", 1440),
        ("infinite", None),
        ("n/a", None),
    ],
)
def test_times_are_read_in_every_form_that_slurm_prints(limit, minutes):
    assert minutes_of(limit) == minutes


@pytest.mark.parametrize(
    "gres, gpu",
    [
        ("gpu:h100:1", ("h100", 1)),
        ("gpu:2", ("", 2)),
        ("gpu", ("", 1)),
        ("gpu:h100", ("h100", 1)),
        ("gpu:a100:4(S:0-1),mps:100", ("a100", 4)),
        ("mps:100", ("", 0)),
        ("(null)", ("", 0)),
        ("", ("", 0)),
    ],
)
def test_gpus_are_read_in_every_form_that_slurm_prints(gres, gpu):
    assert gpu_of(gres) == gpu


def test_rules_that_ask_for_the_same_are_one_question():
    asks = [TRAIN, dataclasses.replace(TRAIN, rule="probe", jobs=3), dataclasses.replace(TRAIN, threads=1)]
    assert [(ask.rule, ask.jobs) for ask in alike(asks)] == [("train, probe", 15), ("train", 12)]


def test_a_node_with_two_kinds_of_gpus_is_known_by_both():
    assert list(gpus_of("gpu:a100_3g.20gb:2(S:0),gpu:h100:2,mps:100")) == [("a100_3g.20gb", 2), ("h100", 2)]
    assert list(gpus_of("gpu:4")) == [("", 4)] and list(gpus_of("(null)")) == []

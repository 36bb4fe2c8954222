"""What goes wrong on clusters: a run through the shipped profile gets over it, and ends as one without a fault.

A training is stopped (SIGSTOP) at its first checkpoint, so that a fault always finds it in the middle; SLURM lets what
it ends go on for as long as it takes to save.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.slurm.cluster import (
    CHECKPOINTS,
    SMALL_DISK,
    WEIGHTS,
    Run,
    copy_without_models,
    experiment,
    half_written,
    nodes,
    records,
    slurm,
    snakemake,
    wait_until,
)

pytestmark = pytest.mark.slow
CONFIG = experiment(200)


def ends_as_if_nothing_had_happened(run: Run, straight) -> str:
    """It must: same bytes, from a checkpoint and not from the start, nothing half-written. Returns what was said."""
    said = run.end()
    assert "going on from step" in (run.folder / "results/tiny/logs/train/neuroquant.log").read_text()
    assert (run.folder / WEIGHTS).read_bytes() == (straight / WEIGHTS).read_bytes()
    assert half_written(run.folder) == []
    return said


def watched(folder, silent=None) -> tuple[Callable[[], int], str]:
    """How often sacct was asked, and a PATH on which that is counted; it fails while the file `silent` is there."""
    command, calls = folder / "bin/sacct", folder / "calls"
    command.parent.mkdir()
    calls.touch()
    fails = f"[ ! -e {silent} ] || exit 1\n" if silent else ""
    command.write_text(f'#!/bin/sh\necho >>{calls}\n{fails}exec {shutil.which("sacct")} "$@"\n')
    command.chmod(0o755)
    return lambda: len(calls.read_text()), f"{command.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def disturbed(profile, straight, tmp_path_factory):
    """Three trainings at once and a fault for each: (run, job that met it) by name.

    SLURM looks at walltimes every 30 s and lets a requeued job wait, so that the three share their waiting.
    """
    names = ("walltime", "requeue", "scancel")
    folders = {name: copy_without_models(straight, tmp_path_factory.mktemp("faults") / name) for name in names}
    runs = {name: Run(folder, profile, CONFIG, WEIGHTS) for name, folder in folders.items()}
    jobs = {name: run.frozen() for name, run in runs.items()}
    slurm("scontrol", "update", f"jobid={jobs['walltime']}", "EndTime=now+1")
    slurm("scontrol", "requeue", jobs["requeue"])
    slurm("scancel", jobs["scancel"])
    yield {name: (runs[name], jobs[name]) for name in names}
    for run in runs.values():
        run.process.kill()


def test_a_training_that_hits_its_walltime_goes_on_from_its_checkpoint_when_resubmitted(disturbed, straight):
    run, job = disturbed["walltime"]
    ends_as_if_nothing_had_happened(run, straight)
    assert records(job, "State") == ["TIMEOUT"] and run.job() != job


def test_a_requeued_job_goes_on_from_its_checkpoint_without_a_retry(disturbed, straight):
    run, job = disturbed["requeue"]
    ends_as_if_nothing_had_happened(run, straight)
    assert records(job, "State") == ["REQUEUED", "COMPLETED"] and run.job() == job


def test_a_job_that_is_cancelled_by_hand_is_noticed_and_tried_again(disturbed, straight):
    """sacct says 'CANCELLED by <uid>', which the executor doesn't know: rules/cluster.smk."""
    run, job = disturbed["scancel"]
    said = ends_as_if_nothing_had_happened(run, straight)
    assert records(job, "State")[0].startswith("CANCELLED by") and run.job() != job
    assert "SLURM status is: 'CANCELLED'" in said


def test_a_node_that_goes_down_and_comes_back(profile, straight, tmp_path):
    """Looked at before its second life it is NODE_FAIL to sacct, lost to the executor: rules/cluster.smk."""
    asked, path = watched(tmp_path)
    run = Run(copy_without_models(straight, tmp_path / "node"), profile, CONFIG, WEIGHTS, path=path)
    job = run.frozen()
    node = records(job, "NodeList")[0]
    slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    try:
        slurm("scontrol", "hold", job)
        before = asked()
        run.until(lambda: asked() >= before + 2, "two looks at the queue")
        slurm("scontrol", "release", job)
        wait_until(lambda: len(records(job, "State")) == 2, "second life of the job")
    finally:
        slurm("scontrol", "update", f"nodename={node}", "state=resume")
    ends_as_if_nothing_had_happened(run, straight)
    assert records(job, "State") == ["NODE_FAIL", "COMPLETED"] and run.job() == job
    assert node in nodes()


def test_accounting_that_does_not_answer_for_a_while(profile, straight, tmp_path):
    """The executor by itself would forget its running jobs and wait for ever: rules/cluster.smk."""
    silent = tmp_path / "silent"
    _, path = watched(tmp_path, silent)
    run = Run(copy_without_models(straight, tmp_path / "silence"), profile, CONFIG, WEIGHTS, path=path)
    job = run.frozen()
    silent.touch()
    run.until(lambda: run.said.count("SLURM doesn't say how the jobs are") >= 2, "second warning")
    silent.unlink()
    slurm("scancel", "--signal=CONT", job)
    run.end()
    assert run.job() == job and (run.folder / WEIGHTS).read_bytes() == (straight / WEIGHTS).read_bytes()


def test_snakemake_killed_outright_and_started_again_as_documented(profile, straight, tmp_path):
    run = Run(copy_without_models(straight, tmp_path / "killed"), profile, CONFIG, WEIGHTS)
    job = run.frozen()
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    assert slurm("squeue", "-h", "-j", job, "-o", "%T") == "STOPPED"  # still there, and nobody watches it any more
    blocked = Run(run.folder, profile, CONFIG, WEIGHTS)
    assert "--unlock" in blocked.end(status=1)
    slurm("scancel", job)
    wait_until(lambda: not slurm("squeue", "-h", "--me"), "empty queue")
    assert half_written(run.folder) == [] and not (run.folder / WEIGHTS).exists()
    subprocess.run(snakemake(run.folder, CONFIG, "--profile", str(profile), "--unlock", WEIGHTS), check=True)
    ends_as_if_nothing_had_happened(Run(run.folder, profile, CONFIG, WEIGHTS), straight)


def test_a_full_disk_fails_the_job_with_its_reason_and_the_run_goes_on_once_there_is_space(profile, straight, tmp_path):
    folder = copy_without_models(straight, tmp_path / "full")
    if not SMALL_DISK.is_mount():
        pytest.skip("no small disk can be mounted here")
    (folder / CHECKPOINTS).parent.mkdir()
    (folder / CHECKPOINTS).symlink_to(SMALL_DISK)
    said = Run(folder, profile, CONFIG, WEIGHTS, "--retries", "0").end(status=1)
    assert "No space left on device" in said.split("What failed")[1]
    assert list(SMALL_DISK.iterdir()) == [] and not (folder / WEIGHTS).exists()
    subprocess.run(["mount", "-o", "remount,size=64m", str(SMALL_DISK)], check=True)
    Run(folder, profile, CONFIG, WEIGHTS).end()
    assert (folder / WEIGHTS).read_bytes() == (straight / WEIGHTS).read_bytes()


def test_a_job_over_its_memory_gets_more_on_the_retry(profile, straight, tmp_path):
    folder = copy_without_models(straight, tmp_path / "memory")
    run = Run(folder, profile, experiment(200, train_mem_mb=400), WEIGHTS)
    run.until(lambda: "submitted" in run.said, "job")
    first = run.job()
    run.end()
    asked = [int(records(job, "ReqMem")[0].rstrip("Mnc")) for job in (first, run.job())]
    assert asked[0] == 400 and asked[1] in (800, 1200)
    assert records(first, "State")[0] != "COMPLETED"
    assert (folder / WEIGHTS).read_bytes() == (straight / WEIGHTS).read_bytes()

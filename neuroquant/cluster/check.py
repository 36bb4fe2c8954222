"""What of a profile can't work at this site, found before the first job, with what to edit."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from neuroquant.cluster import slurm
from neuroquant.cluster.asks import Ask, alike, gpu_of
from neuroquant.cluster.slurm import Nodes, Partition, Silent
from neuroquant.errors import InputError

PROFILE = "slurm/config.yaml"
EXPERIMENT = "`compute` of the experiment"


def faults(asks: list[Ask], results: Path, needed: int = 0, status: str = "sacct") -> list[InputError]:
    """Everything that SLURM, the folders and the disk already tell against a run; empty where nothing does.

    Parameters
    ----------
    asks : what the run would ask for.
    results : folder of the results, which needn't exist yet.
    needed : bytes that the run is expected to write there.
    status : command by which the executor follows its jobs (`slurm-status-command`).
    """
    jobs = alike(ask for ask in asks if not ask.local)
    found = [*folder_faults(asks, results, needed)]
    if not jobs:
        return found
    if shutil.which("sbatch") is None:
        told = "no command sbatch on this machine"
        return [*found, _fault("executor: slurm", told, "SLURM's commands", "run on the cluster's login node")]
    try:
        queues = slurm.partitions()
    except Silent as error:
        expected, remedy = "an answer from sinfo", "ask the site's staff, or try again once the controller is up"
        return [*found, _fault("executor: slurm", str(error), expected, remedy)]
    found += [*accounting_faults(status), *account_faults(jobs)]
    found += [fault for job in jobs for fault in job_faults(job, queues)]
    if not found:
        found += [fault for job in jobs for fault in refusals(job)]
    return list({str(fault): fault for fault in found}.values())


def _fault(key: str, told: str, expected: str, remedy: str) -> InputError:
    return InputError(f"{PROFILE}: {key}", told, expected, remedy)


def folder_faults(asks: list[Ask], results: Path, needed: int) -> Iterator[InputError]:
    """Folders that can't be written to, and a disk that is too small. What isn't seen from here isn't judged."""
    where, there = f"results folder {results}", _nearest(results)
    expected = "a folder that can be written to"
    if not os.access(there, os.W_OK):
        yield InputError(where, f"{there} is read-only for you", expected, "run elsewhere (--directory)")
    free = shutil.disk_usage(there).free
    if needed > free:
        told = f"{free / 1e9:,.0f} GB free on the disk of {there}"
        remedy = "make room, or run from a folder on a larger disk (--directory)"
        yield InputError(where, told, f"about {needed / 1e9:,.0f} GB, by `neuroquant plan`", remedy)
    for name in sorted({ask.tmpdir for ask in asks if ask.tmpdir}):
        folder = Path(name)
        if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
            told = f"{name} is {'read-only for you' if folder.is_dir() else 'no folder'}"
            yield _fault("default-resources.tmpdir", told, expected, "name your own scratch folder")


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())


def accounting_faults(status: str) -> Iterator[InputError]:
    """Whether the executor could follow its jobs: without accounting, `sacct` leaves it waiting for ever."""
    if status == "squeue":
        return
    try:
        slurm.check_accounting()
    except Silent as error:
        remedy = "add `slurm-status-command: squeue`, and `slurm-no-account: true` where there are no accounts"
        yield _fault("slurm-status-command", f"sacct doesn't answer: {error}", "accounting, or squeue", remedy)


def account_faults(jobs: list[Ask]) -> Iterator[InputError]:
    """Accounts that the user may not charge, or not in that partition. A site that keeps no accounts isn't judged."""
    try:
        mine = slurm.accounts()
    except Silent:
        return
    names = sorted({account for account, _ in mine})
    for account, partition in sorted({(job.account, job.partition) for job in jobs if job.account}):
        allowed = {queue for name, queue in mine if name == account.lower()}
        if mine and not allowed:
            told = f"account {account}, which isn't yours"
            yield _fault("default-resources.slurm_account", told, f"one of {', '.join(names)}", "name one of these")
        elif mine and partition and allowed.isdisjoint({"", partition}):
            told = f"account {account} in partition {partition}"
            expected = f"account {account} only in {', '.join(sorted(allowed))}"
            yield _fault("default-resources.slurm_account", told, expected, "change the account or the partition")


def job_faults(job: Ask, queues: dict[str, Partition]) -> Iterator[InputError]:
    """What a partition can't give to a job: itself, the time, the GPU, the cores, the memory."""
    names = job.partition.split(",") if job.partition else [name for name, queue in queues.items() if queue.default]
    key = "slurm_partition of default-resources, or of set-resources"
    if not names:
        yield _fault(key, "no partition, and the site has no default one", _listed(queues), "name one of these")
    for name in names:
        if name not in queues:
            yield _fault(key, f"partition {name}", _listed(queues), "name one of these")
    chosen, where = [queues[name] for name in names if name in queues], ",".join(names)
    if not chosen:
        return
    if not any(queue.up for queue in chosen):
        yield _fault(key, f"partition {where} is down", "one that takes jobs", "name another, or wait")
    limits = [queue.minutes for queue in chosen]
    if job.runtime and None not in limits and job.runtime > max(limits):
        told = f"{_who(job)} for {job.runtime / 60:g} h, partition {where} gives {max(limits) / 60:g} h at most"
        remedy = "lower it there (minutes), or name a partition with more time"
        if job.rule == "train":
            remedy = "lower compute.train_hours in the experiment (training goes on in the next job)"
        if set(job.rule.split(", ")) <= {"probe", "probe_volumes"}:
            remedy = "lower compute.probe_hours in the experiment (the next job goes on with the next seed)"
        yield _fault(f"set-resources.{job.rule.split(',')[0]}.runtime", told, "no more than that", remedy)
    yield from _size_faults(job, [nodes for queue in chosen for nodes in queue.nodes], where)


def _size_faults(job: Ask, nodes: list[Nodes], where: str) -> Iterator[InputError]:
    kind, number = gpu_of(job.gres)
    able = [group for group in nodes if not number or (kind in ("", group.gpu) and group.gpus >= number)]
    if not able:
        there = sorted({f"{group.gpus} x {group.gpu or 'unnamed'}" for group in nodes if group.gpus}) or ["none"]
        told = f"{_who(job)} for {job.gres}; GPUs of a node of partition {where}: {', '.join(there)}"
        edit = "write the GPU's name as `sinfo -o %G` shows it, and the partition that has it"
        yield _fault("set-resources: gres", told, "a GPU that a node of the partition has", edit)
        return
    most = max(group.cpus for group in able)
    if job.threads > most:
        told = f"{_who(job)} for {job.threads} cores, the largest node of partition {where} has {most}"
        edit = "lower compute.threads, or name another partition"
        yield InputError(EXPERIMENT, told, "no more than a node has", edit)
        return
    most = max(group.mem_mb for group in able if group.cpus >= job.threads)
    if (job.mem_mb or 0) > most:
        told = f"{_who(job)} for {job.mem_mb} MB, the largest node of partition {where} has {most}"
        key = f"set-resources.{job.rule.split(',')[0]}"
        edit = f"set {key}.mem_mb in the profile (compute.mem_mb is what networks ask for), or name another partition"
        if job.rule == "train":
            edit = "lower compute.train_mem_mb, or name another partition"
        yield InputError(EXPERIMENT, told, "no more than a node has", edit)


def _who(job: Ask) -> str:
    return f"{job.rule} {'ask' if ',' in job.rule else 'asks'}"


def _listed(queues: dict[str, Partition]) -> str:
    return "one of " + (", ".join(sorted(queues)) or "none: sinfo lists no partition")


def refusals(job: Ask) -> Iterator[InputError]:
    """What SLURM itself says when asked whether it would take such a job."""
    told = slurm.refusal(job)
    if told:
        asked = f"{job.partition or 'default partition'}, {job.threads} cores, {job.mem_mb} MB, {job.runtime} min"
        expected = "a job that sbatch --test-only takes"
        told = f"{told} ({asked}, {job.gres or 'no GPU'})"
        yield _fault(f"jobs of {job.rule}", told, expected, "change what they ask for")

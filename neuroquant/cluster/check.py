"""What of a profile can't work at this site, found before the first job, with what to edit."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from neuroquant.cluster import slurm
from neuroquant.cluster.asks import Ask, alike
from neuroquant.cluster.estimate import Part
from neuroquant.cluster.slurm import Nodes, Partition, Silent
from neuroquant.config.volume import Shards
from neuroquant.errors import InputError

PROFILE = "slurm/config.yaml"
EXPERIMENT = "`compute` of the experiment"
ROOM = 1.2
"""How much longer than expected a job on a shard may have to take: a hash deals subjects out unevenly."""
PROBES = {"probe", "probe_volumes", "probe_target", "probe_target_volumes"}
"""Rules whose jobs take up what a stopped one has finished."""


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
    errors = [*folder_faults(asks, results, needed)]
    if not jobs:
        return errors
    if shutil.which("sbatch") is None:
        finding = "no command sbatch on this machine"
        return [*errors, _fault("executor: slurm", finding, "SLURM's commands", "run on the cluster's login node")]
    try:
        queues = slurm.partitions()
    except Silent as error:
        expected, remedy = "an answer from sinfo", "ask the site's staff, or try again once the controller is up"
        return [*errors, _fault("executor: slurm", str(error), expected, remedy)]
    errors += [*accounting_faults(status), *account_faults(jobs)]
    errors += [fault for job in jobs for fault in job_faults(job, queues)]
    if not errors:
        errors += [fault for job in jobs for fault in refusals(job)]
    return list({str(fault): fault for fault in errors}.values())


def _fault(key: str, finding: str, expected: str, remedy: str) -> InputError:
    return InputError(f"{PROFILE}: {key}", finding, expected, remedy)


def folder_faults(asks: list[Ask], results: Path, needed: int) -> Iterator[InputError]:
    """Folders that can't be written to, and a disk that is too small. What isn't seen from here isn't judged."""
    where, there = f"results folder {results}", _nearest(results)
    expected = "a folder that can be written to"
    if not os.access(there, os.W_OK):
        yield InputError(where, f"{there} is read-only for you", expected, "run elsewhere (--directory)")
    free = shutil.disk_usage(there).free
    if needed > free:
        finding = f"{free / 1e9:,.0f} GB free on the disk of {there}"
        remedy = "make room, or run from a folder on a larger disk (--directory)"
        yield InputError(where, finding, f"about {needed / 1e9:,.0f} GB, by `neuroquant plan`", remedy)
    for name in sorted({ask.tmpdir for ask in asks if ask.tmpdir}):
        folder = Path(name)
        if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
            finding = f"{name} is {'read-only for you' if folder.is_dir() else 'no folder'}"
            yield _fault("default-resources.tmpdir", finding, expected, "name your own scratch folder")


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
            finding = f"account {account}, which isn't yours"
            yield _fault("default-resources.slurm_account", finding, f"one of {', '.join(names)}", "name one of these")
        elif mine and partition and allowed.isdisjoint({"", partition}):
            finding = f"account {account} in partition {partition}"
            expected = f"account {account} only in {', '.join(sorted(allowed))}"
            yield _fault("default-resources.slurm_account", finding, expected, "change the account or the partition")


def job_faults(job: Ask, queues: dict[str, Partition]) -> Iterator[InputError]:
    """What the executor won't submit, and what a partition can't give: itself, time, GPUs, cores, memory."""
    if job.refused:
        yield _fault(
            f"set-resources.{job.rule.split(',')[0]}",
            job.refused,
            "what Snakemake's SLURM executor takes: one `gres`, of letters, digits, underscores and dots",
            "for a GPU with another name, or for two gres, leave `gres` out there and write "
            'slurm_extra: "--gpus-per-node=NAME:1"',
        )
        return
    names = _names(job, queues)
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
        finding = f"{_who(job)} for {job.runtime / 60:g} h, partition {where} gives {max(limits) / 60:g} h at most"
        remedy = "lower it there (minutes), or name a partition with more time"
        if job.rule == "train":
            remedy = "lower compute.train_hours in the experiment (training goes on in the next job)"
        if set(job.rule.split(", ")) <= PROBES:
            remedy = "lower compute.probe_hours in the experiment (the next job goes on with the next seed)"
        yield _fault(f"set-resources.{job.rule.split(',')[0]}.runtime", finding, "no more than that", remedy)
    yield from _size_faults(job, chosen, where)


def most_memory(asks: list[Ask], attempts: int) -> dict[str, int]:
    """The most memory (MB, of each node) that retries of a rule's jobs may ask for, by rule.

    That is the first attempt's times `attempts`, or what the largest nodes that can run the job have, if that is less;
    but no more than the first attempt's where SLURM refuses that much, by limits that sinfo doesn't show.

    Raises
    ------
    Silent
        If SLURM doesn't tell.
    """
    jobs = alike(ask for ask in asks if not ask.local and ask.mem_mb)
    queues = slurm.partitions() if jobs else {}
    limits = {}
    for job in jobs:
        chosen = [_able(job, queues[name]) for name in _names(job, queues) if name in queues]
        sizes = {group.mem_mb for able in chosen for group in able}
        fits = [n for n in sizes if any(_count(replace(job, mem_mb=n), able) >= job.nodes for able in chosen)]
        most = min(attempts * job.mem_mb, max(fits, default=job.mem_mb))
        refused = most > job.mem_mb and slurm.refusal(replace(job, mem_mb=most))
        limits |= dict.fromkeys(job.rule.split(", "), job.mem_mb if refused else most)
    return limits


def _names(job: Ask, queues: dict[str, Partition]) -> list[str]:
    """Partitions that a job may go to."""
    return job.partition.split(",") if job.partition else [name for name, queue in queues.items() if queue.default]


def _able(job: Ask, queue: Partition) -> list[Nodes]:
    """Nodes of a partition that have the GPUs that a job asks each of its nodes for."""
    kind, number = job.gpu
    return [group for group in queue.nodes if not number or (kind in ("", group.gpu) and group.gpus >= number)]


def _size_faults(job: Ask, chosen: list[Partition], where: str) -> Iterator[InputError]:
    nodes = [group for queue in chosen for group in queue.nodes]
    able = [group for queue in chosen for group in _able(job, queue)]
    if not able:
        there = sorted({f"{group.gpus} x {group.gpu or 'unnamed'}" for group in nodes if group.gpus}) or ["none"]
        finding = f"{_who(job)} for {job.gres or job.options}; GPUs of a node of partition {where}: {', '.join(there)}"
        edit = "write the GPU's name as `sinfo -o %G` shows it, and the partition that has it"
        yield _fault("set-resources: gres", finding, "a GPU that a node of the partition has", edit)
        return
    most = max(group.cpus for group in able)
    if job.threads > most:
        finding = f"{_who(job)} for {job.threads} cores, the largest node of partition {where} has {most}"
        edit = "lower compute.threads, or name another partition"
        yield InputError(EXPERIMENT, finding, "no more than a node has", edit)
        return
    most = max(group.mem_mb for group in able if group.cpus >= job.threads)
    if (job.mem_mb or 0) > most:
        finding = f"{_who(job)} for {job.mem_mb} MB, the largest node of partition {where} has {most}"
        key = f"set-resources.{job.rule.split(',')[0]}"
        edit = f"set {key}.mem_mb in the profile (compute.mem_mb is what networks ask for), or name another partition"
        if job.rule == "train":
            edit = "lower compute.train_mem_mb, or name another partition"
        yield InputError(EXPERIMENT, finding, "no more than a node has", edit)
        return
    most = max(_count(job, _able(job, queue)) for queue in chosen)
    if job.nodes > most:
        finding = f"{_who(job)} for {job.nodes} nodes, partition {where} has {most} with what it asks of each"
        edit = "lower compute.nodes, or name another partition"
        yield InputError(EXPERIMENT, finding, "no more than the partition has", edit)


def _count(job: Ask, able: list[Nodes]) -> int:
    """How many of these nodes have the cores and the memory that a job asks each of its nodes for."""
    return sum(group.count for group in able if group.cpus >= job.threads and group.mem_mb >= (job.mem_mb or 0))


def _who(job: Ask) -> str:
    return f"{job.rule} {'ask' if ',' in job.rule else 'asks'}"


def walltime_faults(asks: list[Ask], costs: list[Part], shards: Shards) -> Iterator[InputError]:
    """Jobs on shards that recorded rates expect to reach their walltime; they begin anew each time."""
    limits = {ask.rule: ask.runtime for ask in asks if ask.runtime}
    for part in costs:
        limit = limits.get(part.rule, 0) / 60
        slow = [split for split, hours in part.splits.items() if 0 < limit < ROOM * hours]
        if slow:
            finding = f"{limit:g} h, of which its longest job would take about {part.longest:.3g} ({part.source})"
            expected = f"{ROOM:g} times as long: shards aren't equally large, nor machines equally fast"
            keys = ", ".join(f"shards.{split} (now {getattr(shards, split)})" for split in slow)
            edit = f"raise {keys} of the experiment before its first run, or the runtime there"
            yield _fault(f"set-resources.{part.rule}.runtime", finding, expected, edit)


def _listed(queues: dict[str, Partition]) -> str:
    return "one of " + (", ".join(sorted(queues)) or "none: sinfo lists no partition")


def refusals(job: Ask) -> Iterator[InputError]:
    """What SLURM itself says when asked whether it would take such a job."""
    finding = slurm.refusal(job)
    if finding:
        asked = f"{job.partition or 'default partition'}, {job.threads} cores, {job.mem_mb} MB, {job.runtime} min"
        asked += f", {job.nodes} nodes" if job.nodes > 1 else ""
        asked += f", {job.options}" if job.options else ""
        expected = "a job that sbatch --test-only takes"
        finding = f"{finding} ({asked}, {job.gres or 'no GPU'})"
        yield _fault(f"jobs of {job.rule}", finding, expected, "change what they ask for")

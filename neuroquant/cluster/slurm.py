"""What SLURM tells about a site: partitions, their nodes and limits, and the accounts that a user may charge."""

import getpass
import re
import shutil
import subprocess
from dataclasses import dataclass, field

from neuroquant.cluster.asks import Ask, gpus_of, words

SECONDS = 10
"""How long an answer may take: a controller that is down keeps its clients waiting."""
FORMAT = "%P|%a|%l|%c|%m|%G|%D"


@dataclass(frozen=True)
class Nodes:
    """Nodes that are alike."""

    count: int
    cpus: int
    mem_mb: int
    gpu: str
    gpus: int


@dataclass
class Partition:
    """A queue: its nodes, and the longest time that it gives."""

    name: str
    up: bool
    minutes: int | None
    """None: no limit."""
    default: bool
    nodes: list[Nodes] = field(default_factory=list)


class Silent(Exception):
    """A command of SLURM isn't there, failed, or didn't answer."""


def ask(*command: str) -> str:
    """Standard output of one of SLURM's commands.

    Raises
    ------
    Silent
        With the reason, in words.
    """
    if shutil.which(command[0]) is None:
        raise Silent(f"no command {command[0]}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Silent(f"{command[0]} gave no answer within {SECONDS} s") from None
    if done.returncode:
        raise Silent((done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1])
    return done.stdout


def partitions() -> dict[str, Partition]:
    """Every partition by name; one command."""
    partitions: dict[str, Partition] = {}
    for line in ask("sinfo", "--noheader", "--all", "--exact", f"--format={FORMAT}").splitlines():
        cells = line.strip().split("|")
        if len(cells) != FORMAT.count("|") + 1:
            continue
        name, up, limit, cpus, memory, gres, count = cells
        partition = partitions.setdefault(
            name.rstrip("*"), Partition(name.rstrip("*"), up == "up", minutes_of(limit), name.endswith("*"))
        )
        for gpu, gpus in list(gpus_of(gres)) or [("", 0)]:  # a node with two kinds stands once for each
            partition.nodes.append(Nodes(whole(count), whole(cpus), whole(memory), gpu, gpus))
    return partitions


def whole(text: str) -> int:
    """The number of `16`, `16+` or `4/0/0/4`'s first; 0 where there is none."""
    digits = re.match(r"\d+", text.strip())
    return int(digits.group()) if digits else 0


def minutes_of(limit: str) -> int | None:
    """Minutes of SLURM's times: `2-12:00:00`, `8:00:00`, `30:00`, `90`; None for `infinite`, `n/a` and `UNLIMITED`."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", limit.strip())
    if not match:
        return None
    days, parts = int(match[1] or 0), [int(part) for part in match.groups()[1:] if part is not None]
    if match[1] is not None:  # days-hours[:minutes[:seconds]]
        hours, minutes = parts[0], parts[1] if len(parts) > 1 else 0
    elif len(parts) == 3:
        hours, minutes = parts[0], parts[1]
    else:  # minutes[:seconds]
        hours, minutes = 0, parts[0]
    return (days * 24 + hours) * 60 + minutes


def accounts() -> list[tuple[str, str]]:
    """(account, partition) that the user may charge; the partition is empty where any will do."""
    who = f"user={getpass.getuser()}"
    lines = ask("sacctmgr", "--noheader", "--parsable2", "show", "assoc", who, "format=Account,Partition")
    return [(account, partition) for account, _, partition in (line.partition("|") for line in lines.split())]


def check_accounting() -> None:
    """Make sure that `sacct` answers, by which the executor follows its jobs.

    Raises
    ------
    Silent
        Where it doesn't.
    """
    ask("sacct", "--noheader", "--allocations", "--starttime=now", "--format=State")


def refusal(job: Ask) -> str:
    """What SLURM has against a job (`sbatch --test-only`, which submits nothing); empty where it would take it."""
    command = ["sbatch", "--test-only", f"--nodes={job.nodes}", f"--ntasks={job.nodes}"]
    command += [f"--cpus-per-task={job.threads}", "--wrap=true"]
    command += [f"--account={job.account}"] if job.account else []
    command += [f"--partition={job.partition}"] if job.partition else []
    command += [f"--mem={job.mem_mb}"] if job.mem_mb else []
    command += [f"--time={job.runtime}"] if job.runtime else []
    command += [f"--gres={job.gres}"] if job.gres else []
    command += words(job.options)
    try:
        ask(*command)
    except Silent as error:
        return str(error)
    return ""

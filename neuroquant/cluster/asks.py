"""What a run asks of the scheduler: jobs by rule, with the resources of each."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from neuroquant.errors import InputError
from neuroquant.extras import require
from neuroquant.shipped import SNAKEFILE

ASKS_FILE = "NEUROQUANT_ASKS"
"""Environment variable: a file that a dry run of the workflow writes its jobs into (rules/site.smk)."""


@dataclass(frozen=True)
class Ask:
    """Jobs of one rule that ask for the same."""

    rule: str
    jobs: int
    local: bool
    """Whether they run where snakemake does, unasked of the scheduler."""
    threads: int
    mem_mb: int | None
    runtime: int | None
    """Minutes."""
    gres: str
    """Of each node, as cores and memory are."""
    account: str
    partition: str
    tmpdir: str
    nodes: int = 1
    options: str = ""
    """What else the executor hands to sbatch: QOS, constraint, reservation, `slurm_extra`, as on a command line."""
    refused: str = ""
    """What the executor itself has against such a job; empty where it would submit it."""

    @property
    def gpu(self) -> tuple[str, int]:
        """(type, number) of the GPUs on each node, by `gres` or by sbatch's own options; ("", 0) without."""
        for option in words(self.options):
            name, _, value = option.partition("=")
            if not self.gres and name in ("--gpus-per-node", "--gpus"):
                return gpu_of(f"gpu:{value}")
        return gpu_of(self.gres)

    @property
    def gpus(self) -> int:
        """GPUs a job, on all its nodes: 1 of `gpu:h100:1`, 4 of `gpu:2` on two nodes, 0 without."""
        return self.nodes * self.gpu[1]


def join_options(before: str = "", **options: str | None) -> str:
    """Options as on sbatch's command line, e.g. `--qos=long --constraint=a100`; those without a value are left out."""
    named = [f"--{name.replace('_', '-')}={shlex.quote(value)}" for name, value in options.items() if value]
    return " ".join([*filter(None, [before.strip()]), *named])


def words(options: str) -> list[str]:
    """The single options, as a shell parts them; by spaces where a quote stays open."""
    try:
        return shlex.split(options)
    except ValueError:
        return options.split()


def gpu_of(gres: str) -> tuple[str, int]:
    """(type, number) of the GPUs that a job asks for in `gpu:h100:2` or `gpu:2`; ("", 0) where there is none."""
    return next(gpus_of(gres), ("", 0))


def gpus_of(gres: str) -> Iterator[tuple[str, int]]:
    """(type, number) of each kind of GPU in `gpu:a100:4(S:0-1),mps:100` or `gpu:a100_3g.20gb:2,gpu:h100:2`."""
    for item in gres.split(","):
        parts = item.split("(")[0].strip().split(":")
        if parts[0] == "gpu":
            number = parts[-1] if len(parts) > 1 and parts[-1].isdigit() else "1"
            names = parts[1:-1] if number == parts[-1] else parts[1:]
            yield ":".join(names), int(number)


def alike(asks: Iterable[Ask]) -> list[Ask]:
    """The same jobs, those of several rules that ask for the same taken together; `rule` then names them all."""
    groups: dict[tuple, list[Ask]] = {}
    for ask in asks:
        wants = tuple(value for key, value in asdict(ask).items() if key not in ("rule", "jobs"))
        groups.setdefault(wants, []).append(ask)
    return [
        replace(group[0], rule=", ".join(dict.fromkeys(ask.rule for ask in group)), jobs=sum(ask.jobs for ask in group))
        for group in groups.values()
    ]


def write_asks(asks: Iterable[Ask], path: Path) -> None:
    """Write what a dry run found."""
    path.write_text(json.dumps([asdict(ask) for ask in asks]), encoding="utf-8")


def planned(config: Path, profile: str | None, targets: tuple[str, ...] = ("all",)) -> list[Ask]:
    """Everything that `snakemake` would run now, from a dry run of its own.

    Raises
    ------
    InputError
        With what Snakemake said, where it can't plan: a missing folder, wrong settings, a profile that isn't there.
        If Snakemake isn't installed.
    """
    require("snakemake")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "asks.json"
        command = [sys.executable, "-m", "snakemake", *targets, "--dry-run", "--quiet", "all", "--nolock"]
        command += ["--snakefile", str(SNAKEFILE), "--configfile", str(config)]
        # without --cores a dry run cuts every rule down to one thread, as the run through a scheduler doesn't
        command += ["--cores", "65536", *(["--profile", profile] if profile else [])]
        done = subprocess.run(
            command, text=True, capture_output=True, env={**os.environ, ASKS_FILE: str(out)}, check=False
        )
        if done.returncode:
            output = (done.stdout + done.stderr).strip()[-2000:]
            output = f"snakemake can't plan it:\n{output}"
            raise InputError(str(config), output, "an experiment that can be run", "correct the errors above")
        return [Ask(**ask) for ask in json.loads(out.read_text(encoding="utf-8"))] if out.exists() else []

"""Runs through the shipped profile on the tests' SLURM, and what its commands say of them."""

import copy
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SLURM = Path(__file__).parent / "slurm.sh"
TINY = yaml.safe_load((ROOT / "tests/workflow/tiny.yaml").read_text())
WEIGHTS = "results/tiny/models/neuroquant/model.safetensors"
SMALL_DISK = Path(os.environ.get("NEUROQUANT_SLURM", "/tmp/neuroquant-slurm")) / "small"
"""64 KB, of which the nodes know."""
CHECKPOINTS = "results/tiny/checkpoints/neuroquant"


def experiment(slices: int, **compute: object) -> dict:
    """The tiny experiment with 6 steps on volumes and so many on slices, each of two sessions."""
    config = copy.deepcopy(TINY)
    config["overrides"]["neuroquant"]["training"] = {
        "phases": [
            {"mode": "3d", "steps": 6, "batch": 2, "lr": 1e-4, "lr_end": 1e-4},
            {"mode": "2d", "steps": slices, "batch": 2, "lr": 1e-4, "lr_end": 1e-4},
        ],
        "log_every": 50,
        "checkpoint_every": 20,
        "val_sessions": 1,
    }
    config["compute"] |= compute
    return config


def snakemake(folder: Path, config: dict, *arguments: str) -> list[str]:
    """Command that runs `config` with results below `folder`."""
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile")]
    return [*command, "--directory", str(folder), "--configfile", str(path)]


def local(folder: Path, config: dict, *arguments: str) -> str:
    """Run without SLURM to the end; returns what was said."""
    command = snakemake(folder, config, *arguments, "--cores", "2")
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def copy_without_models(source: Path, target: Path) -> Path:
    """A folder with the same volumes (and times of files), and nothing trained."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("models", "checkpoints", "progress", "slurm"))
    return target


class Run:
    """`snakemake --profile slurm` at work in a folder."""

    def __init__(self, folder: Path, profile: Path, config: dict, *arguments: str, path: str = os.environ["PATH"]):
        self.folder, self.profile, self.said_in = folder, profile, folder / "said.txt"
        command = snakemake(folder, config, "--profile", str(profile), *arguments)
        with self.said_in.open("w") as said:
            environment = os.environ | {"PATH": path}
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT, env=environment)

    @property
    def said(self) -> str:
        """Everything that it has printed so far."""
        return self.said_in.read_text()

    def end(self, status: int = 0, limit: float = 500) -> str:
        """Wait for the end, which must be of that status; returns what was said."""
        try:
            assert self.process.wait(limit) == status, self.said[-6000:]
        finally:
            self.process.kill()
        return self.said

    def job(self) -> str:
        """SLURM's number of the job that was submitted last."""
        return re.findall(r"submitted with SLURM jobid (\d+)", self.said)[-1]

    def frozen(self) -> str:
        """Stop the only training as soon as it has a checkpoint, so that it can't end before its fault; its job."""
        self.until(lambda: list((self.folder / CHECKPOINTS).glob("step-*.safetensors")), "a checkpoint")
        slurm("scancel", "--signal=STOP", self.job())
        assert not (self.folder / WEIGHTS).exists(), "the training ended before it could be stopped"
        return self.job()

    def until(self, holds, what: str, limit: float = 240) -> None:
        """Wait until something holds, as long as this runs."""
        wait_until(lambda: holds() or self.process.poll() is not None, what, limit)
        assert holds(), f"no {what}: {self.said[-4000:]}"


def wait_until(holds, what: str, limit: float = 240) -> None:
    """Wait until something holds."""
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, f"no {what} within {limit} s"
        time.sleep(0.05)


def slurm(*command: str) -> str:
    """What a command of SLURM's prints."""
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


def records(job: str, column: str) -> list[str]:
    """A column of all of the accounts' records of a job: one more for each time that it was requeued."""
    return slurm("sacct", "-X", "-D", "-n", "-P", "-j", job, "-o", column).splitlines()


def nodes() -> list[str]:
    """The nodes of the tests' SLURM."""
    return sorted(set(slurm("sinfo", "-h", "-N", "-o", "%N").split()))


def half_written(folder: Path) -> list[str]:
    """Files that some job was still writing."""
    return [str(path) for path in (folder / "results").rglob("*.part")]


def may_install() -> bool:
    """Whether this machine lets us have a SLURM."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None

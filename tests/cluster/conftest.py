"""A SLURM that isn't there: its commands as scripts on PATH, with answers as SLURM 22.05 gives them."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.workflow.run import TINY

SINFO = """\
test*|up|1-00:00:00|16|64000|gpu:h100:2|1
test*|up|1-00:00:00|64|512000|(null)|40
big|up|infinite|128|1031000|gpu:nvidia_a100-sxm4-80gb:4(S:0-1),mps:400|3
old|down|30:00|8|32000|gpu:2|2
"""


@dataclass
class FakeSlurm:
    """Scripts in `folder`; each prints what it is told and ends with its exit status."""

    folder: Path
    answers: dict[str, tuple[str, int]] = field(default_factory=dict)

    def says(self, command: str, out: str = "", status: int = 0, error: str = "") -> None:
        """What a command answers from now on."""
        path = self.folder / command
        calls = self.folder / "calls"
        path.write_text(
            f"#!/bin/sh\necho {command} \"$@\" >>'{calls}'\ncat <<'OUT'\n{out.rstrip()}\nOUT\n"
            f"cat >&2 <<'ERR'\n{error}\nERR\nexit {status}\n"
        )
        path.chmod(0o755)

    def lacks(self, command: str) -> None:
        """Take a command away."""
        (self.folder / command).unlink()

    def calls(self) -> list[str]:
        """Every call so far, with its arguments."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site where everything is as it should be; only these commands, sh and cat are on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "cat", "bash", "env", "uname"):
        found = next(Path(p) / tool for p in os.environ["PATH"].split(":") if (Path(p) / tool).exists())
        (folder / tool).symlink_to(found)
    fake = FakeSlurm(folder)
    fake.says("sinfo", SINFO)
    fake.says("sacctmgr", "study|\nspecial|big\n")
    fake.says("sacct", "")
    fake.says("scontrol", "MinJobAge               = 300 sec\nMaxArraySize            = 1001")
    fake.says("squeue", "")
    fake.says(
        "sbatch", error="sbatch: Job 9 to start at 2026-11-24T09:46:52 using 1 processors on nodes n2 in partition test"
    )
    monkeypatch.setenv("PATH", str(folder))
    return fake


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The tiny experiment's YAML in a folder of its own, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY, sort_keys=False))
    return path

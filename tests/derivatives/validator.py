"""The BIDS validator, where it is installed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def command() -> str:
    """The validator's command, beside this Python or on the path; skips the test where there is none."""
    beside = Path(sys.executable).parent / "bids-validator-deno"
    found = str(beside) if beside.exists() else shutil.which("bids-validator-deno")
    if not found:
        pytest.skip("bids-validator-deno isn't installed")
    return found


def errors_of(folder: Path, *options: str) -> list[str]:
    """The errors that the validator finds in a data set; with `--recursive` in those below its `derivatives` too."""
    call = [command(), *options, "--format", "json", str(folder)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout.startswith("{"), done.stderr
    return _errors(json.loads(done.stdout))


def _errors(found: dict) -> list[str]:
    issues = [one for one in found["issues"]["issues"] if one.get("severity") == "error"]
    below = found.get("derivativesSummary", {}).values()
    return [f"{one['code']} {one.get('subCode', '')} {one.get('location', '')}" for one in issues] + [
        error for one in below for error in _errors(one)
    ]

"""The benchmarks are scripts that import each other from their own folder: this makes them importable, and runs one."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import entries  # noqa: E402, F401

SHAPE = (32, 32, 32)


def printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, script: object, *arguments: str
) -> list[list[str]]:
    """What a script prints, split at tabs."""
    monkeypatch.setattr(sys, "argv", [script.__name__, *arguments])
    script.main()
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]

"""The prepared run on a GPU: its parts fail alone, and its figures become rates only where they are a GPU's."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS / "gpu")]

import pack  # noqa: E402
import rates  # noqa: E402
import steps  # noqa: E402
from record import Record  # noqa: E402

from neuroquant.cluster.rates import read_rates  # noqa: E402
from neuroquant.config.model import Phase  # noqa: E402

MACHINE = {"card": "NVIDIA X", "date": "2026-11-29", "torch": "2.13.0", "cudnn": 91000, "small": False}


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_part_that_fails_or_has_no_time_costs_no_other(tmp_path):
    record = Record(tmp_path / "parts.jsonl", 60)
    record.part("broken", lambda: {}["nothing"])
    record.part("too long", lambda: {"s": 1.0}, least_s=1000)
    record.part("whole", lambda: {"s": 2.0})
    machine, broken, late, whole = lines_of(tmp_path / "parts.jsonl")
    assert {"card", "date", "torch", "cudnn"} <= machine.keys()
    assert "KeyError" in broken["failed"] and late["skipped"] and whole["s"] == 2.0


def test_a_part_that_does_not_end_is_stopped_and_the_next_begins(tmp_path):
    record = Record(tmp_path / "parts.jsonl", 60)
    record.part("endless", lambda: time.sleep(30) or {}, most_s=0.2)
    record.part("whole", lambda: {"s": 2.0})
    _, endless, whole = lines_of(tmp_path / "parts.jsonl")
    assert "TimeoutError: stopped after" in endless["failed"] and endless["took_s"] < 10 and whole["s"] == 2.0


def test_a_script_that_breaks_costs_no_other_and_says_so(tmp_path):
    """The whole run with a Python that can't start any script."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    given = os.environ | {"OUT": str(tmp_path / "out"), "PYTHON": str(broken), "BRAINS_S": "0"}
    done = subprocess.run(["sh", BENCHMARKS / "gpu/run_all.sh"], env=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "== done" in done.stdout
    for name in ("steps", "parts", "rates", "quality"):
        assert f"{name}.py ended with status 3" in done.stdout
    assert "data.py has not finished" in done.stdout


def test_seconds_are_kept_where_operations_cannot_be_counted(monkeypatch):
    monkeypatch.setattr(steps.bench, "measure", lambda *_: steps.bench.Measured(0.5, 0.0, 1.0))
    monkeypatch.setattr(steps, "operations", lambda *_: 1 / 0)
    found = steps.facts(None, Phase(mode="3d", batch=2), None)
    assert found["s"] == 0.5 and found["images"] == 4 and "ZeroDivisionError" in found["not_counted"]


def write(folder: Path, machine: dict) -> None:
    rows = [{"part": "3d, configured", "s": 0.4, "images": 8}, {"part": "2d, configured", "failed": "no memory"}]
    (folder / "steps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [machine, *rows]))
    parts = [{"part": "SynthSeg", "s": 0.8, "images": 1}, {"part": "deepbet", "s": 3.0}]
    (folder / "parts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [machine, *parts]))


def test_what_was_measured_becomes_rates_and_what_failed_does_not(tmp_path, monkeypatch):
    write(tmp_path, MACHINE)
    monkeypatch.setattr(sys, "argv", ["rates.py", str(tmp_path)])
    rates.main()
    found = read_rates(tmp_path / "gpu_rates.tsv")
    assert found.keys() == {"train.3d", "segment"} and found["train.3d"].value == pytest.approx(0.05)
    assert "NVIDIA X" in found["segment"].source and "2.13.0" in found["segment"].source


@pytest.mark.parametrize("change", [{"small": True}, {"cudnn": None, "card": "no GPU"}])
def test_a_run_on_a_cpu_or_at_small_sizes_gives_no_rates(tmp_path, monkeypatch, change):
    write(tmp_path, MACHINE | change)
    monkeypatch.setattr(sys, "argv", ["rates.py", str(tmp_path)])
    rates.main()
    assert not (tmp_path / "gpu_rates.tsv").exists()


def test_the_packed_wheels_are_the_locked_versions_and_the_code_is_complete(tmp_path):
    assert all("==" in wheel for wheel in pack.pinned()) and len(pack.pinned()) == len(pack.WHEELS)
    pack.copy_code(tmp_path)
    for name in ("neuroquant/training/loop.py", "benchmarks/gpu/run_all.sh", "config/models/neuroquant.yaml"):
        assert (tmp_path / name).is_file()


def test_label_maps_are_taken_evenly(tmp_path):
    source = tmp_path / "source"
    (source / "label_maps").mkdir(parents=True)
    for number in range(9):
        (source / f"label_maps/sub-{number}_dseg.nii.gz").touch()
    pack.copy_data(source, tmp_path / "packed", 3)
    assert sorted(path.name[4] for path in (tmp_path / "packed").rglob("*.nii.gz")) == ["0", "4", "8"]


@pytest.mark.slow
def test_a_step_of_the_probe_is_measured(monkeypatch):
    import parts

    monkeypatch.setattr(parts, "SMALL", True)
    monkeypatch.setattr(parts, "DEVICE", "cpu")
    monkeypatch.setattr(parts, "REPEATS", 1)
    found = parts.probed(4, (8, 8, 8))
    assert found["s"] > 0 and (found["batch"], found["depth"]) == (2, 50)

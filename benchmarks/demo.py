"""Measure the demo: planning, the whole run, peak memory. `python benchmarks/demo.py [FOLDER]` from the project's root.

Prints ratios to the stated budgets (planning 5 s, demo 600 s, memory 6 GB). The demo runs from scratch in a folder of
its own, which is kept where it is named, so results/demo is left alone.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

BUDGETS = {"planning": 5.0, "demo": 600.0, "memory_gb": 6.0}
ROOT = Path(__file__).parents[1]
COMMAND = [
    sys.executable,
    "-m",
    "snakemake",
    "all",
    "--snakefile",
    str(ROOT / "Snakefile"),
    "--profile",
    str(ROOT / "demo"),
]


def measured(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Seconds of a run, and the largest memory of it and its children, in GB (proportional shares summed)."""
    peak, done = 0.0, threading.Event()
    command = [*COMMAND, *arguments, "--directory", str(folder), "--configfile", str(ROOT / "config/demo.yaml")]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)

    def watch() -> None:
        nonlocal peak
        while not done.wait(5):
            total = 0
            for member in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
                try:
                    total += member.memory_full_info().pss
                except psutil.Error:
                    continue
            peak = max(peak, total / 1e9)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    code = process.wait()
    seconds = time.monotonic() - begin
    done.set()
    if code:
        raise SystemExit(f"snakemake ended with {code}")
    return seconds, peak


def main() -> None:
    """Print a line a budget."""
    named = sys.argv[1:]
    folder = Path(named[0]) if named else Path(tempfile.mkdtemp())
    try:
        planning, _ = measured(["--dry-run"], folder)
        demo, memory = measured([], folder)
    finally:
        if not named:
            shutil.rmtree(folder)
    for name, value in (("planning", planning), ("demo", demo), ("memory_gb", memory)):
        print(f"{name:10s} {value:8.1f}   {value / BUDGETS[name]:.2f} of the budget of {BUDGETS[name]:g}")


if __name__ == "__main__":
    main()

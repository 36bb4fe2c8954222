"""The rates of `neuroquant plan` from what a run on a GPU measured.

    python benchmarks/gpu/rates.py OUT

Reads OUT/steps.jsonl and parts.jsonl and writes OUT/gpu_rates.tsv. Copied to neuroquant/cluster/gpu_rates.tsv, it takes
the place of the analytic floors. Nothing is written of a run without a GPU, or at small sizes.
"""

import json
import sys
from pathlib import Path
from typing import Any

from neuroquant.files import written_whole

COLUMNS = ("what", "per", "device", "value", "source")


def lines_of(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The facts of the machine, and part -> what was measured of it; nothing of a file that isn't there."""
    if not path.is_file():
        return {}, {}
    first, *others = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return first, {line["part"]: line for line in others if not {"failed", "skipped"} & line.keys()}


def rates(steps: dict[str, dict[str, Any]], parts: dict[str, dict[str, Any]]) -> list[tuple[str, str, float]]:
    """What each rate is, per what, and its value; only of what was measured."""
    found = []
    for phase in ("3d", "2d"):
        if line := steps.get(f"{phase}, configured"):
            found.append((f"train.{phase}", "s per image and step", line["s"] / line["images"]))
    if line := parts.get("SynthSeg"):
        found.append(("segment", "s per image", line["s"]))
    return found


def table(machine: dict[str, Any], found: list[tuple[str, str, float]]) -> str:
    """The rates as `neuroquant/cluster/rates.tsv` has them."""
    source = f"benchmarks/gpu.md: measured, {machine['card']}, {machine['date']}, torch {machine['torch']}"
    rows = [COLUMNS, *((what, per, "cuda", f"{value:.4g}", source) for what, per, value in found)]
    return "".join("\t".join(row) + "\n" for row in rows)


def main() -> None:
    out = Path(sys.argv[1])
    machine, steps = lines_of(out / "steps.jsonl")
    other, parts = lines_of(out / "parts.jsonl")
    machine = machine or other
    found = rates(steps, parts)
    if not found or machine["small"] or machine["cudnn"] is None:
        print("no rates: this run wasn't at full size on a GPU")
        return
    with written_whole(out / "gpu_rates.tsv") as scratch:
        Path(scratch).write_text(table(machine, found), encoding="utf-8")


if __name__ == "__main__":
    main()

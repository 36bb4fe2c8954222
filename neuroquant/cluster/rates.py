"""Recorded rates, each with its source: a table of this project's measurements, and earlier runs of the user's."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.experiment import Experiment
from neuroquant.tables import modalities_of

TABLE = Path(__file__).parent / "rates.tsv"
GPU_TABLE = Path(__file__).parent / "gpu_rates.tsv"
"""What `benchmarks/gpu/run_all.sh` measured on a GPU; not there as long as none was measured."""
BY_SHARD = ("preprocess", "reconstruct", "fidelity", "segment", "segment_reference", "score_anatomy")
REFERENCE_SHAPE = (144, 192, 144)
"""Voxels of the volumes that the table's seconds were measured on, or counted for."""


def passes(rule: str, ceiling: bool) -> int:
    """How often a rule goes through its images: twice where originals are segmented again for the ceiling."""
    return 2 if rule == "segment_reference" and ceiling else 1


@dataclass(frozen=True)
class Rate:
    """A number and its source."""

    value: float
    source: str


@cache
def recorded() -> dict[str, Rate]:
    """The table that comes with the package."""
    return read_rates(TABLE)


def measured_on_gpu() -> dict[str, Rate]:
    """The rates of a run on a GPU; empty where none is recorded."""
    return read_rates(GPU_TABLE) if GPU_TABLE.is_file() else {}


def read_rates(path: Path) -> dict[str, Rate]:
    """The rates of a table."""
    with open(path, encoding="utf-8", newline="") as file:
        return {row["what"]: Rate(float(row["value"]), row["source"]) for row in csv.DictReader(file, delimiter="\t")}


def earlier_runs(results: Path, experiment: Experiment) -> dict[str, Rate]:
    """Seconds per image and pass (rules on shards) or a training (`train.<model>`), from earlier runs.

    A run counts where its volumes have the same shape, and a model where its architecture, parameters and kinds of
    phases are the same; seconds go with the steps. What ran on another kind of processor can't be told from here.
    """
    rates: dict[str, Rate] = {}
    for config in sorted(results.glob("*/config.yaml"), key=lambda path: path.stat().st_mtime):
        run = yaml.safe_load(config.read_text(encoding="utf-8"))
        if run["volume"]["shape"] == list(experiment.volume.shape):
            rates |= dict(_shards(config.parent, run)) | dict(_trainings(config.parent, run, experiment))
    return rates


def _shards(run: Path, settings: dict) -> Iterator[tuple[str, Rate]]:
    manifests = {(path.parts[-3], path.stem): path for path in run.glob("cohorts/*/shards/*.tsv")}
    for rule in BY_SHARD:
        seconds, images = 0.0, 0
        for path in (run / "benchmarks" / rule).glob("*.tsv"):
            *_, cohort, split, bucket = ("", *path.stem.split("-"))
            manifest = manifests.get((cohort, f"{split}-{bucket}"))
            held = images_in(manifest) if manifest else 0
            if held:
                seconds, images = seconds + _seconds(path), images + held
        if images:
            images *= passes(rule, settings["segmentation"].get("ceiling", False))
            yield rule, Rate(seconds / images, f"{run / 'benchmarks' / rule}: measured in an earlier run")


def images_in(manifest: Path) -> int:
    """Images that a shard's manifest names, of all modalities."""
    with open(manifest, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return sum(bool(row[modality]) for row in rows for modality in modalities_of(row))


def _trainings(run: Path, settings: dict, experiment: Experiment) -> Iterator[tuple[str, Rate]]:
    then = {model["name"]: model for model in settings["models"]}
    for entry in experiment.models:
        path = run / "benchmarks/train" / f"{entry.name}.tsv"
        now = entry.model_dump(mode="json")
        if not path.exists() or entry.name not in then:
            continue
        old = then[entry.name]
        alike = all(now[key] == old[key] for key in ("architecture", "parameters"))
        alike &= len(now["modalities"]) == len(old.get("modalities") or DEFAULT_MODALITIES)
        kinds = [[(phase["mode"], phase["batch"]) for phase in each["training"]["phases"]] for each in (now, old)]
        steps = [sum(phase["steps"] for phase in each["training"]["phases"]) for each in (now, old)]
        if alike and kinds[0] == kinds[1] and steps[1]:
            yield (
                f"train.{entry.name}",
                Rate(_seconds(path) * steps[0] / steps[1], f"{path}: measured in an earlier run"),
            )


def _seconds(path: Path) -> float:
    """Mean of a benchmark file's seconds."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
    return sum(rows) / max(len(rows), 1)

"""Jobs, hours, GPU-hours and memory of each rule, from Snakemake's benchmark files."""

from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.tables import RUNTIME

NETWORK_RULES = (
    "train", "fit_standin", "reconstruct", "export_latents", "apply_model", "segment_reference", "segment",
    "segment_models", "probe", "probe_volumes", "probe_target", "probe_target_volumes", "robustness",
    "write_derivatives",
)  # fmt: skip
"""Rules whose jobs run a network, and so take a GPU where there is one."""
PROCESSORS = ("x86_64", "amd64", "aarch64", "arm64")
"""What a model folder names as its device where it was no GPU."""


def gpu_of(model: dict[str, Any]) -> str:
    """The GPU that a model was trained on; empty where none was."""
    device = str(model.get("device", ""))
    return "" if device.lower() in PROCESSORS or model.get("steps") == 0 else device


def runtime(folder: Path, trained: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Jobs, hours, GPU-hours and most memory of each rule, longest first: columns `RUNTIME`.

    GPU-hours are hours of jobs that run networks, times the processes that trained together, where the model's folder
    names a GPU; those of the segmenter and the reference probe follow the other models.

    Parameters
    ----------
    folder : Path
        Snakemake's benchmark files, a folder per rule.
    trained : dict of str to dict
        Model -> provenance.json of its model folder.
    """
    rules = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    rows = []
    for rule in rules:
        jobs = [job(rule.name, file, trained) for file in sorted(rule.glob("*.tsv"))]
        if jobs:
            hours, gpu_hours, megabytes = zip(*jobs, strict=True)
            rows.append([rule.name, len(jobs), sum(hours), sum(gpu_hours), max(0.0, *megabytes)])
    return pd.DataFrame(rows, columns=RUNTIME).sort_values("hours", ascending=False, kind="stable", ignore_index=True)


def job(rule: str, file: Path, trained: dict[str, dict[str, Any]]) -> tuple[float, float, float]:
    """Hours, GPU-hours and most memory (MB) of one job; other parameters as for `runtime`."""
    table = pd.read_csv(file, sep="\t")
    hours = float(pd.to_numeric(table["s"], errors="coerce").sum()) / 3600
    name = max((name for name in trained if file.stem == name or file.stem.startswith(f"{name}-")), default="")
    model = trained.get(name)
    on_gpu = rule in NETWORK_RULES and (bool(gpu_of(model)) if model else any(map(gpu_of, trained.values())))
    processes = int(model.get("processes", 1)) if model and rule == "train" else 1
    memory = pd.to_numeric(table["max_rss"], errors="coerce") if "max_rss" in table else pd.Series([0.0])
    return hours, hours * processes * on_gpu, float(memory.fillna(0).max())

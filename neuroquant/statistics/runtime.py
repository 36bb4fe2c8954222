"""Jobs, hours, GPU-hours and memory of each rule, from Snakemake's benchmark files."""

from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.tables import RUNTIME

NETWORK_RULES = (
    "train", "fit_standin", "reconstruct", "export_latents", "segment_reference", "segment", "probe", "probe_volumes"
)  # fmt: skip
"""Rules whose jobs run a network, and so take a GPU where there is one."""


PROCESSORS = ("x86_64", "amd64", "aarch64", "arm64")
"""What a model folder names as its device where it was no GPU."""


def gpu_of(model: dict[str, Any]) -> str:
    """The GPU that a model was trained on; empty where none was."""
    device = str(model.get("device", ""))
    return "" if device.lower() in PROCESSORS or model.get("steps") == 0 else device


def runtime(folder: Path, trained: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Jobs, hours, GPU-hours and most memory of each rule.

    GPU-hours are hours of jobs that run networks, times the processes that trained together, where the model's folder
    names a GPU; those of the segmenter and the reference probe follow the other models.
    """
    anywhere = any(map(gpu_of, trained.values()))
    rows = []
    for rule in sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []:
        hours, gpu, most, jobs = 0.0, 0.0, 0.0, 0
        for file in sorted(rule.glob("*.tsv")):
            measured = pd.read_csv(file, sep="\t")
            mine = float(pd.to_numeric(measured["s"], errors="coerce").sum()) / 3600
            row = max((name for name in trained if file.stem == name or file.stem.startswith(f"{name}-")), default="")
            model = trained.get(row)
            on_gpu = rule.name in NETWORK_RULES and (bool(gpu_of(model)) if model else anywhere)
            processes = int(model.get("processes", 1)) if model and rule.name == "train" else 1
            hours, gpu, jobs = hours + mine, gpu + mine * processes * on_gpu, jobs + 1
            memory = pd.to_numeric(measured["max_rss"], errors="coerce") if "max_rss" in measured else pd.Series([0.0])
            most = max(most, float(memory.fillna(0).max()))
        if jobs:
            rows.append([rule.name, jobs, hours, gpu, most])
    return pd.DataFrame(rows, columns=RUNTIME).sort_values("hours", ascending=False, kind="stable", ignore_index=True)

"""PSNR and SSIM3D of every reconstruction, in three regions, in float32 (section 4.1)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from neuroquant.config.evaluation import Fidelity
from neuroquant.device import use_threads
from neuroquant.errors import InputError
from neuroquant.files import write_tsv
from neuroquant.similarity import psnr, ssim3d
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import FIDELITY

FOREGROUND = -0.9
"""Value above which the released code counts a voxel as foreground; it drops dark fluid."""
Measure = Callable[[Tensor, Tensor, Tensor | None, int], Tensor]
"""From images x, y (B, 1, D, H, W), the voxels that count (all where None) and the side of a window to scores (B,)."""
MEASURES: dict[str, Measure] = {
    "psnr": lambda x, y, inside, window: psnr(x, y, inside),
    "ssim": lambda x, y, inside, window: ssim3d(x, y, window, inside),
}
"""Name of a metric -> what computes it; statistics/metrics.py has a line for each."""


def score_fidelity(
    volumes_h5: Path, reconstructions_h5: Path, model: str, settings: Fidelity, out_tsv: Path, threads: int
) -> None:
    """Write a row per session, modality, region (whole, foreground, brain) and metric of `MEASURES`."""
    use_threads(threads)
    volumes, reconstructions = ArrayFile(volumes_h5), ArrayFile(reconstructions_h5)
    if volumes.records != reconstructions.records:
        raise InputError(
            str(reconstructions_h5), "other rows than the volumes", f"the rows of {volumes_h5}", "rerun `reconstruct`"
        )
    rows = []
    for index, record in enumerate(volumes.records):
        x, y = (
            torch.from_numpy(np.array(f.view("image")[index])).float()[None, None] for f in (volumes, reconstructions)
        )
        facts = {name: getattr(record, name) for name in ("cohort", "subject", "session", "family", "modality")}
        found = scores(x, y, volumes.read("mask", index), settings.ssim_window)
        rows += [
            {**facts, "model": model, "region": region, "metric": metric, "value": value}
            for (region, metric), value in found.items()
        ]
    write_tsv(pd.DataFrame(rows, columns=FIDELITY), out_tsv)


def scores(x: Tensor, y: Tensor, mask: np.ndarray, window: int) -> dict[tuple[str, str], float]:
    """(region, metric) -> value of y against x, both (1, 1, D, H, W) in [-1, 1], in float32.

    Parameters
    ----------
    mask : (D, H, W), above 0 in the brain; regions are `whole`, `foreground` (x above -0.9) and `brain`.
    window : side of SSIM's Gaussian window in voxels.
    """
    regions = {"whole": None, "foreground": x > FOREGROUND, "brain": torch.from_numpy(mask > 0)[None, None]}
    return {
        (region, name): float(measure(x, y, inside, window))
        for region, inside in regions.items()
        for name, measure in MEASURES.items()
    }

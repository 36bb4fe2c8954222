"""PSNR and SSIM3D of every reconstruction, in three regions, in float32 (section 4.1)."""

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

COLUMNS = ["cohort", "subject", "session", "family", "modality", "model", "region", "metric", "value"]
FOREGROUND = -0.9
"""Value above which the released code counts a voxel as foreground; it drops dark fluid."""


def score_fidelity(
    volumes_h5: Path, reconstructions_h5: Path, model: str, settings: Fidelity, out_tsv: Path, threads: int
) -> None:
    """Write a row a session, modality, region (whole, foreground, brain) and metric (psnr in dB, ssim in 0 to 1)."""
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
    write_tsv(pd.DataFrame(rows, columns=COLUMNS), out_tsv)


def scores(x: Tensor, y: Tensor, mask: np.ndarray, window: int) -> dict[tuple[str, str], float]:
    """(region, metric) -> value of y against x, both (1, 1, D, H, W) in [-1, 1], in float32.

    Parameters
    ----------
    mask : (D, H, W), above 0 in the brain; regions are `whole`, `foreground` (x above -0.9) and `brain`.
    window : side of SSIM's Gaussian window in voxels.
    """
    regions = {"whole": None, "foreground": x > FOREGROUND, "brain": torch.from_numpy(mask > 0)[None, None]}
    found = {}
    for region, inside in regions.items():
        found[region, "psnr"] = float(psnr(x, y, inside))
        found[region, "ssim"] = float(ssim3d(x, y, window, inside))
    return found

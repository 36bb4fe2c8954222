"""PSNR and SSIM3D of every reconstruction, in three regions, in float32 (section 4.1)."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from neuroquant.config.evaluation import Fidelity
from neuroquant.device import use_threads
from neuroquant.errors import InputError
from neuroquant.files import write_tsv
from neuroquant.similarity import psnr, ssim3d
from neuroquant.volumes.store import ArrayFile

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
        brain = torch.from_numpy(volumes.read("mask", index) > 0)[None, None]
        regions = {"whole": None, "foreground": x > FOREGROUND, "brain": brain}
        facts = {name: getattr(record, name) for name in ("cohort", "subject", "session", "family", "modality")}
        for region, mask in regions.items():
            scores = {"psnr": psnr(x, y, mask), "ssim": ssim3d(x, y, settings.ssim_window, mask)}
            for metric, value in scores.items():
                rows.append({**facts, "model": model, "region": region, "metric": metric, "value": float(value)})
    write_tsv(pd.DataFrame(rows, columns=COLUMNS), out_tsv)

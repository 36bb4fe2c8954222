"""PSNR and SSIM3D of every reconstruction, in three regions, in float32 (section 4.1)."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from neuroquant.config.evaluation import Fidelity
from neuroquant.device import use_threads
from neuroquant.evaluation.rows import matching
from neuroquant.files import write_tsv
from neuroquant.similarity import mean_inside, psnr, ssim_map
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import FIDELITY, IMAGE_KEY

FOREGROUND = -0.9
"""Value above which the released code counts a voxel as foreground; it drops dark fluid."""
Measure = Callable[[Tensor, Tensor, Tensor | None, int], Tensor]
"""From images x, y (B, 1, D, H, W), the voxels that count (all where None) and the side of a window to scores (B,)."""
map_of = lru_cache(maxsize=1)(ssim_map)
"""The last two images' map of SSIM, which all regions share. Tensors are told apart by identity."""
MEASURES: dict[str, Measure] = {
    "psnr": lambda x, y, inside, window: psnr(x, y, inside),
    "ssim": lambda x, y, inside, window: mean_inside(map_of(x, y, window), inside, window),
}
"""Name of a metric -> what computes it; statistics/metrics.py has a line for each."""


def score_fidelity(
    volumes_h5: Path, reconstructions: dict[str, Path], settings: Fidelity, out_tsv: Path, threads: int
) -> None:
    """Write a row per model, session, modality, region (whole, foreground, brain) and metric of `MEASURES`.

    Parameters
    ----------
    reconstructions : model -> its reconstructions of the shard of volumes.
    """
    use_threads(threads)
    volumes, rows = ArrayFile(volumes_h5), []
    for model, path in reconstructions.items():
        copies, rows_of_volumes = matching(path, volumes)
        for position, index in enumerate(rows_of_volumes):
            x, y = image(volumes, index), image(copies, position)
            facts = {name: getattr(volumes.records[index], name) for name in IMAGE_KEY}
            values = scores(x, y, volumes.read("mask", index), settings.ssim_window)
            rows += [
                {**facts, "model": model, "region": region, "metric": metric, "value": value}
                for (region, metric), value in values.items()
            ]
    write_tsv(pd.DataFrame(rows, columns=FIDELITY), out_tsv)


def image(file: ArrayFile, row: int) -> Tensor:
    """One image of a shard, (1, 1, D, H, W) in float32."""
    return torch.from_numpy(np.array(file.view("image")[row])).float()[None, None]


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

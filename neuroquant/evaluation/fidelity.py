"""PSNR, SSIM3D and the metrics beside them of every reconstruction, in three regions, in float32 (section 4.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from neuroquant.config.evaluation import Fidelity
from neuroquant.device import use_threads
from neuroquant.evaluation import rulers
from neuroquant.evaluation.rows import matching
from neuroquant.files import write_tsv
from neuroquant.perceptual import LPIPS, open_lpips, planes
from neuroquant.similarity import mean_inside, psnr
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import FIDELITY, IMAGE_KEY

FOREGROUND = -0.9
"""Value above which the released code counts a voxel as foreground; it drops dark fluid."""
Measure = Callable[[Tensor, Tensor, Tensor | None, int], Tensor]
"""From images x, y (B, 1, D, H, W), the voxels that count (all where None) and the side of a window to scores (B,)."""


def ssim(x: Tensor, y: Tensor, inside: Tensor | None, window: int) -> Tensor:
    """SSIM3D, of the factors that all regions and MS-SSIM share."""
    luminance, structure = rulers.parts_of(x, y, window)
    return mean_inside(luminance * structure, inside, window)


MEASURES: dict[str, Measure] = {
    "psnr": lambda x, y, inside, window: psnr(x, y, inside),
    "ssim": ssim,
    "ms_ssim": rulers.ms_ssim,
    "nmi": rulers.nmi,
    "mae": rulers.mae,
    "sharpness": rulers.sharpness,
    "hfen": rulers.hfen,
}
"""Name of a metric -> what computes it; statistics/metrics.py has a line for each."""
ALWAYS = ("psnr", "ssim")
"""Metrics of the paper, which no setting turns off."""
LEARNED = "lpips"
"""The metric that needs networks of somebody else's."""
OF_SYNTHESIS = ("psnr", "ssim", "ms_ssim", "nmi", "mae", "sharpness")
"""What synthesised images are scored by, beside LPIPS where its weights are given: Dohmen et al. (2025) advise against
PSNR and SSIM alone, which miss blur or depend on the scaling of intensities."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """What images are scored by.

    Attributes
    ----------
    window : side of SSIM's Gaussian window in voxels.
    metrics : names in `MEASURES`.
    lpips : LPIPS's network; None: not scored.
    """

    window: int
    metrics: tuple[str, ...]
    lpips: LPIPS | None = None

    @classmethod
    def of(cls, settings: Fidelity, lpips: tuple[Path, ...] = ()) -> "Scoring":
        """What the settings ask for.

        Parameters
        ----------
        lpips : files of VGG16 and of LPIPS's own layers, where the settings name the metric.
        """
        chosen = tuple(name for name in MEASURES if name in ALWAYS or not settings.metrics or name in settings.metrics)
        return cls(settings.ssim_window, chosen, open_lpips(*lpips) if lpips else None)

    @classmethod
    def of_synthesis(cls, window: int, lpips: tuple[Path, ...] = ()) -> "Scoring":
        """What synthesised images are scored by; parameters as for `of`."""
        return cls(window, OF_SYNTHESIS, open_lpips(*lpips) if lpips else None)


def score_fidelity(
    volumes_h5: Path,
    reconstructions: dict[str, Path],
    settings: Fidelity,
    out_tsv: Path,
    threads: int,
    lpips: tuple[Path, ...] = (),
) -> None:
    """Write a row per model, session, modality, region (whole, foreground, brain) and metric.

    Parameters
    ----------
    reconstructions : model -> its reconstructions of the shard of volumes.
    lpips : files of VGG16 and of LPIPS's own layers; none: LPIPS isn't scored.
    """
    use_threads(threads)
    volumes, scoring = ArrayFile(volumes_h5), Scoring.of(settings, lpips)
    files = {model: matching(path, volumes) for model, path in reconstructions.items()}
    rows: dict[str, list[dict[str, object]]] = {model: [] for model in reconstructions}
    for index, record in enumerate(volumes.records):
        x, mask = image(volumes, index), volumes.read("mask", index)
        facts = {name: getattr(record, name) for name in IMAGE_KEY}
        for model, (copies, rows_of_volumes) in files.items():
            if index not in rows_of_volumes:
                continue  # the model doesn't take this modality
            values = scores(x, image(copies, rows_of_volumes.index(index)), mask, scoring)
            rows[model] += [
                {**facts, "model": model, "region": region, "metric": metric, "value": value}
                for (region, metric), value in values.items()
            ]
    write_tsv(pd.DataFrame([row for own in rows.values() for row in own], columns=FIDELITY), out_tsv)


def image(file: ArrayFile, row: int) -> Tensor:
    """One image of a shard, (1, 1, D, H, W) in float32."""
    return torch.from_numpy(np.array(file.view("image")[row])).float()[None, None]


@torch.inference_mode()
def scores(x: Tensor, y: Tensor, mask: np.ndarray, scoring: Scoring) -> dict[tuple[str, str], float]:
    """(region, metric) -> value of y against x, both (1, 1, D, H, W) in [-1, 1], in float32.

    Parameters
    ----------
    mask : (D, H, W), above 0 in the brain; regions are `whole`, `foreground` (x above -0.9) and `brain`.
    """
    regions = {"whole": None, "foreground": x > FOREGROUND, "brain": torch.from_numpy(mask > 0)[None, None]}
    values = {
        (region, name): float(MEASURES[name](x, y, inside, scoring.window))
        for region, inside in regions.items()
        for name in scoring.metrics
    }
    if scoring.lpips is not None:
        values |= {(region, LEARNED): planes(scoring.lpips, x, y, inside) for region, inside in regions.items()}
    return values

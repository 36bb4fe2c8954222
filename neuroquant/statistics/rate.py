"""What each model costs in bits, seconds and hours, and quality against bits."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics import budgets
from neuroquant.statistics.cells import CEILING, MODALITIES, measured
from neuroquant.store.arrays import ArrayFile

METRICS = ("psnr", "ssim", "dice")


COSTS = ["model", "cohort", "factor", "kbit_per_volume", "bits_per_voxel", "parameters", "encode_s", "decode_s"]


RATES = [
    "cohort", "model", "modality", "kbit_per_volume", "bits_per_voxel", "psnr", "psnr_low", "psnr_high", "ssim",
    "ssim_low", "ssim_high", "dice", "dice_low", "dice_high", "stand_in",
]  # fmt: skip


def costs(reconstructions: list[Path]) -> pd.DataFrame:
    """What every row's reconstructions cost, a row a model and cohort: bits, parameters, seconds a volume.

    Parameters
    ----------
    reconstructions : the shards of test subjects, of all rows and cohorts.
    """
    rows = []
    for path in reconstructions:
        file = ArrayFile(path)
        if not len(file):
            continue
        facts = {name: file.attributes[name] for name in ("model", "factor", "kbit_per_volume", "parameters")}
        facts |= {"cohort": file.records[0].cohort, "volumes": len(file)}
        voxels = float(np.prod(file.view("image").shape[1:]))
        facts["bits_per_voxel"] = 1000 * facts["kbit_per_volume"] / voxels
        rows.append(facts | {name: file.attributes[name] * len(file) for name in ("encode_s", "decode_s")})
    table = pd.DataFrame(rows, columns=[*COSTS, "volumes"])
    keys = COSTS[:6]
    summed = table.groupby(keys, as_index=False, sort=False)[["encode_s", "decode_s", "volumes"]].sum()
    for name in ("encode_s", "decode_s"):
        summed[name] = summed[name] / summed["volumes"]
    return summed[COSTS]


def with_training(table: pd.DataFrame, models: dict[str, Path]) -> pd.DataFrame:
    """The costs with processor-hours and GPU-hours of training; `models` as for `write_costs`."""
    taken = {name: budgets.hours(budgets.facts_of(path)) for name, path in models.items()}
    for place, name in enumerate(("processor_hours", "gpu_hours")):
        table[name] = [taken.get(model, (None, None))[place] for model in table.model]
    return table.astype({"processor_hours": float, "gpu_hours": float})


def rates(experiment: Experiment, table: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Bits beside PSNR, SSIM and Dice of every row and cohort that was scored, with intervals; nan where not measured.

    Parameters
    ----------
    table : as `costs` gives it.
    scores : as `summarise.load_scores` gives them.
    """
    found, engines = {}, {}
    for keys, part in scores[scores.metric.isin(METRICS)].groupby(["cohort", "model", "modality", "metric"]):
        found[keys] = measured(experiment, part)
        engines[keys] = part.engine.iloc[0]
    rows = []
    for spent in table.itertuples():
        for modality in MODALITIES:
            facts = [spent.cohort, spent.model, modality, spent.kbit_per_volume, spent.bits_per_voxel]
            cells = [found.get((spent.cohort, spent.model, modality, metric)) for metric in METRICS]
            if any(cells):
                values = [(c.value, c.low, c.high) if c else (np.nan,) * 3 for c in cells]
                engine = engines.get((spent.cohort, spent.model, modality, "dice"), "")
                rows.append([*facts, *(number for three in values for number in three), engine])
    return pd.DataFrame(rows, columns=RATES)


def ceilings(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean scores of the segmenter's test-retest, over all modalities: columns cohort, metric and value.

    Parameters
    ----------
    scores : DataFrame
        As `cells.load_scores` gives them.
    """
    table = scores[scores.model == CEILING]
    return table.groupby(["cohort", "metric"], as_index=False, sort=False)["value"].mean()

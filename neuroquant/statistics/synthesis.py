"""PSNR and SSIM of images that were synthesised from another modality."""

from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv
from neuroquant.statistics.codebook import _stand_in
from neuroquant.statistics.intervals import cluster_bootstrap, clusters_of

SYNTHESIS = [
    "cohort", "model", "source", "modality", "appearance", "metric", "images", "subjects", "value", "ci_low", "ci_high",
    "stand_in",
]  # fmt: skip


def synthesis(experiment: Experiment, shards: list[Path]) -> pd.DataFrame:
    """Mean PSNR (dB) and SSIM (percent) of synthesised images over the configured region, with their intervals.

    Parameters
    ----------
    shards : tables of scores, as `reconstruct` writes them.
    """
    table = pd.concat([read_tsv(path, ("value",)) for path in shards], ignore_index=True)
    table = table[table.region == experiment.fidelity.region]
    table = table.assign(cluster=clusters_of(table))
    rows = []
    for keys, part in table.groupby(["cohort", "model", "source", "modality", "appearance", "metric"], sort=False):
        values = part["value"] * (100 if keys[-1] == "ssim" else 1)
        found = cluster_bootstrap(values, part["cluster"], experiment.statistics)
        rows.append([*keys, len(part), part.subject.nunique(), found.value, found.low, found.high])
        rows[-1].append(_stand_in(experiment, keys[0]))
    return pd.DataFrame(rows, columns=SYNTHESIS)


def beside_reconstruction(table: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """For each synthesised image's model, direction and metric: the mean score of the target's own reconstruction.

    Parameters
    ----------
    table : DataFrame
        As `synthesis` gives it.
    scores : DataFrame
        As `cells.load_scores` gives them.

    Returns
    -------
    Columns cohort, model, source, modality, metric and value (nan where it wasn't scored).
    """
    keys = ["cohort", "model", "modality", "metric"]
    own = scores.groupby(keys, as_index=False)["value"].mean()
    directions = table[["cohort", "model", "source", "modality", "metric"]].drop_duplicates()
    return directions.merge(own, on=keys, how="left")

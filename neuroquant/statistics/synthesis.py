"""PSNR and SSIM of images that were synthesised from another modality."""

from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv
from neuroquant.statistics.cells import cohort_stand_in
from neuroquant.statistics.metrics import of_source
from neuroquant.statistics.trainings import averaged, by_model, interval_of
from neuroquant.tables import CELL_KEY, SYNTHESIS, family_of


def synthesis(experiment: Experiment, shards: list[Path]) -> pd.DataFrame:
    """Mean scores of synthesised images over the configured region, in the units of the metrics, with their intervals.

    Parameters
    ----------
    shards : list of Path
        Tables of scores, as `reconstruct` writes them.

    Returns
    -------
    Columns `SYNTHESIS`, a row per cohort, model, ordered pair of modalities, appearance and metric.
    """
    scales = {metric.name: metric.scale for metric in of_source("fidelity")}
    table = pd.concat([read_tsv(path, ("value",)) for path in shards], ignore_index=True)
    table = table[(table.region == experiment.fidelity.region) & table.metric.isin(list(scales))]
    table = table.assign(value=table["value"] * table.metric.map(scales).astype(float), cluster=family_of(table))
    table, rows = by_model(experiment, table), []
    for keys, part in table.groupby(["cohort", "model", "source", "modality", "appearance", "metric"], sort=False):
        interval = interval_of(part, experiment.statistics)
        numbers = (len(averaged(part)), part.subject.nunique(), interval.value, interval.low, interval.high)
        rows.append([*keys, *numbers, cohort_stand_in(experiment, keys[0])])
    return pd.DataFrame(rows, columns=SYNTHESIS)


def beside_reconstruction(table: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """For each synthesised image's model, direction and metric: the mean score of the target's own reconstruction.

    Parameters
    ----------
    table : DataFrame
        As `synthesis` gives it.
    cells : DataFrame
        As `cells.cells` gives them.

    Returns
    -------
    Columns cohort, model, source, modality, metric and value (nan where it wasn't scored).
    """
    directions = table[["cohort", "model", "source", "modality", "metric"]].drop_duplicates()
    return directions.merge(cells[[*CELL_KEY, "value"]], on=CELL_KEY, how="left")

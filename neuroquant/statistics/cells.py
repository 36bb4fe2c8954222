"""Cells: the mean of each model's scores with its interval, computed once for tables, figures, pages and claims."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment, Table
from neuroquant.files import written_whole
from neuroquant.statistics.fingerprints import fingerprint
from neuroquant.statistics.intervals import Interval
from neuroquant.statistics.trainings import interval_of
from neuroquant.tables import CEILING, CELL_KEY, CELLS, VOLUMES

SYNTHETIC = "synthetic cohort"
"""What a cohort that the workflow made itself is called in the column `stand_in`."""
MODEL_GROUPS = {
    "trained_here": "trained here",
    "trained_elsewhere": "trained elsewhere",
    "authors_weights": "authors' weights",
    "reference": "without training, for orientation",
}
"""Groups of models and how they are called; ranks and tests stay within one."""
SIGNIFICANT = 0.05
"""A difference is significant whose corrected p-value lies below."""
EXTRA = {VOLUMES: "volumes (reference)", CEILING: "segmenter test-retest"}
"""Entries of table 1 that are no models, and how they are called."""


def by_group(experiment: Experiment, names: tuple[str, ...]) -> dict[str, list[str]]:
    """The models of each group, in order."""
    return {group: [model for model in names if experiment.model(model).group == group] for group in MODEL_GROUPS}


def entries(experiment: Experiment, table: str) -> tuple[str, ...]:
    """The models of a table, and before them what else it has lines of."""
    wanted: Table = getattr(experiment, table)
    return (*EXTRA, *wanted.models) if table == "table1" else wanted.models


def cells(experiment: Experiment, scores: pd.DataFrame) -> pd.DataFrame:
    """Mean, interval, number of subjects and hash of the scores of each cohort, model, modality and metric.

    Values are means in which a family counts once, or a subject where no family is known, and so does each training of
    a model; intervals take both as sources of variance.

    Parameters
    ----------
    scores : DataFrame
        As `scores.load_scores` gives them.

    Returns
    -------
    Columns `CELLS`, a row per cell that has scores.
    """
    rows = []
    for names, part in scores.groupby(CELL_KEY, sort=False):
        interval = measured(part, experiment)
        values = (interval.value, interval.low, interval.high, part["subject"].nunique(), part.engine.iloc[0])
        rows.append([*names, *values, len(part), fingerprint(part)])
    return pd.DataFrame(rows, columns=CELLS)


def cohort_stand_in(experiment: Experiment, cohort: str) -> str:
    """What stands in for a cohort of the study, if anything does."""
    return SYNTHETIC if experiment.cohort(cohort).stand_in else ""


def measured(part: pd.DataFrame, experiment: Experiment) -> Interval:
    """Mean of the scores of one cell with its interval; infinite for the PSNR of an exact copy."""
    if not np.isfinite(part["value"]).all():
        return Interval(np.inf, np.inf, np.inf, 0)
    return interval_of(part, experiment.statistics)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """CSV with ten significant digits."""
    with written_whole(path) as scratch:
        table.to_csv(scratch, index=False, lineterminator="\n", float_format="%.10g")

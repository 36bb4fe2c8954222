"""How much worse reconstructions of spoiled test scans are, by fault and severity."""

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.intervals import cluster_bootstrap
from neuroquant.statistics.metrics import metric
from neuroquant.tables import ROBUST_CELLS, family_of

UNSPOILED = ""
"""Name of the fault of a scan that has none."""


def robust_cells(experiment: Experiment, scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval of every model, modality, fault, severity and metric: columns `ROBUST_CELLS`.

    The unspoiled scans are severity 0 of every fault.

    Parameters
    ----------
    scores : DataFrame
        The gathered scores, columns `ROBUSTNESS`.
    """
    scores = scores.assign(cluster=family_of(scores))
    begin = scores[scores.fault == UNSPOILED]
    spoiled = [begin.assign(fault=fault) for fault in experiment.robustness.faults]
    every = pd.concat([*spoiled, scores[scores.fault != UNSPOILED]], ignore_index=True)
    rows = []
    for key, part in every.groupby(ROBUST_CELLS[:6], sort=False):
        scale = metric(key[-1]).scale
        interval = cluster_bootstrap(part["value"] * scale, part["cluster"], experiment.statistics)
        rows.append([*key, interval.value, interval.low, interval.high, part["subject"].nunique()])
    table = pd.DataFrame(rows, columns=ROBUST_CELLS)
    order = {name: place for place, name in enumerate(experiment.robustness.faults)}
    return table.sort_values(
        ["cohort", "modality", "metric", "fault", "severity"], kind="stable", ignore_index=True,
        key=lambda column: column.map(order) if column.name == "fault" else column,
    )  # fmt: skip


def losses(cells: pd.DataFrame) -> pd.DataFrame:
    """By how much each model's value at the highest severity is below that without a fault.

    Parameters
    ----------
    cells : DataFrame
        As `robust_cells` gives them.

    Returns
    -------
    Columns cohort, model, modality, fault, metric, begin, end and loss.
    """
    key = ["cohort", "model", "modality", "fault", "metric"]
    ordered = cells.sort_values("severity", kind="stable").groupby(key, sort=False)["value"]
    table = pd.DataFrame({"begin": ordered.first(), "end": ordered.last()}).reset_index()
    return table.assign(loss=table.begin - table.end)

"""What each model costs in bits, seconds and hours, and quality against bits."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics import budgets
from neuroquant.statistics.metrics import shown_in
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import CEILING, COSTS, RATES


def costs(reconstructions: list[Path]) -> pd.DataFrame:
    """What every model's reconstructions cost, a row per model and cohort: bits, parameters, seconds per volume.

    Parameters
    ----------
    reconstructions : list of Path
        The shards of test subjects, of all models and cohorts.
    """
    rows = []
    for path in reconstructions:
        file = ArrayFile(path)
        if not len(file):
            continue
        facts = {name: file.attributes[name] for name in ("model", "factor", "kbit_per_volume", "parameters")}
        facts |= {"cohort": file.records[0].cohort, "volumes": len(file)}
        facts["bits_per_number"] = file.attributes.get("bits_per_number")
        voxels = float(np.prod(file.view("image").shape[1:]))
        facts["bits_per_voxel"] = 1000 * facts["kbit_per_volume"] / voxels
        coded = file.attributes.get("kbit_coded")
        means = {name: file.attributes[name] for name in ("encode_s", "decode_s")}
        means["kbit_coded"] = np.nan if coded is None else coded
        rows.append(facts | {name: value * len(file) for name, value in means.items()})
    table = pd.DataFrame(rows, columns=[*COSTS, "volumes"])
    means = ["kbit_coded", "encode_s", "decode_s"]
    keys = ["model", "cohort", "factor", "kbit_per_volume", "bits_per_voxel", "parameters"]
    groups = table.astype(dict.fromkeys(means, float)).groupby(keys, as_index=False, sort=False)
    summed = groups[[*means, "volumes"]].sum(min_count=1)
    summed["bits_per_number"] = groups["bits_per_number"].max()["bits_per_number"]
    for name in means:
        summed[name] = summed[name] / summed["volumes"]
    return summed[COSTS]


def with_training(table: pd.DataFrame, models: dict[str, Path]) -> pd.DataFrame:
    """The costs with processor-hours and GPU-hours of training.

    Parameters
    ----------
    table : DataFrame
        As `costs` gives it.
    models : dict of str to Path
        Model -> provenance.json of its model folder.
    """
    taken = {name: budgets.hours(budgets.facts_of(path)) for name, path in models.items()}
    for index, name in enumerate(("processor_hours", "gpu_hours")):
        table[name] = [taken.get(model, (None, None))[index] for model in table.model]
    return table.astype({"processor_hours": float, "gpu_hours": float})


def rates(experiment: Experiment, table: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Bits beside the metrics of the figure, of every model and cohort that was scored; nan where not measured.

    Parameters
    ----------
    table : DataFrame
        As `costs` gives it.
    cells : DataFrame
        As `cells.cells` gives them.

    Returns
    -------
    Columns `rate_columns()`, a row per model, cohort and modality.
    """
    metrics = [metric.name for metric in shown_in("rate")]
    known = {(c.cohort, c.model, c.modality, c.metric): c for c in cells[cells.metric.isin(metrics)].itertuples()}
    rows = []
    for spent in table.itertuples():
        for modality in experiment.modalities:
            own = [known.get((spent.cohort, spent.model, modality, metric)) for metric in metrics]
            if any(own):
                facts = [
                    spent.cohort,
                    spent.model,
                    modality,
                    spent.kbit_per_volume,
                    spent.bits_per_voxel,
                    spent.kbit_coded,
                ]
                values = [(c.value, c.ci_low, c.ci_high) if c else (np.nan,) * 3 for c in own]
                engines = [c.engine for c in own if c and c.engine]
                rows.append([*facts, *(number for three in values for number in three), *(engines[:1] or [""])])
    return pd.DataFrame(rows, columns=rate_columns())


def rate_columns() -> list[str]:
    """Columns of rate.csv."""
    values = [f"{metric.name}{end}" for metric in shown_in("rate") for end in ("", "_low", "_high")]
    return [*RATES, *values, "stand_in"]


def ceilings(cells: pd.DataFrame) -> pd.DataFrame:
    """Mean scores of the segmenter's test-retest, over the images of all modalities: columns cohort, metric and value.

    Parameters
    ----------
    cells : DataFrame
        As `cells.cells` gives them.
    """
    own = cells[cells.model == CEILING]
    sums = own.assign(value=own["value"] * own.scores).groupby(["cohort", "metric"], sort=False)[["value", "scores"]]
    return sums.sum().eval("value / scores").rename("value").reset_index()

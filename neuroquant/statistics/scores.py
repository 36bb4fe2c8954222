"""All scores of test images in one table, whatever computed them."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.metrics import metric, of_source
from neuroquant.statistics.numbers import read_numbers
from neuroquant.statistics.trainings import by_model
from neuroquant.tables import REFERENCE, SCORES, SESSION_KEY, family_of


@dataclass(frozen=True, slots=True)
class ScoreFiles:
    """The gathered tables that scores come from; one that is missing or empty gives no scores."""

    fidelity: Path
    dice: Path
    predictions: Path
    regions: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "ScoreFiles":
        """Those that lie in one folder under their own names."""
        return cls(*(folder / f"{name}.tsv" for name in READERS))

    @classmethod
    def named(cls, paths: Mapping[str, str]) -> "ScoreFiles":
        """Those of some named paths, such as the inputs of a job."""
        return cls(*(Path(paths[name]) for name in READERS))


def load_scores(experiment: Experiment, files: ScoreFiles) -> pd.DataFrame:
    """Scores of every registered metric, in its unit: columns `SCORES`, `cluster` and `training`.

    Intervals resample clusters. Trainings with several seeds are under the name of their model; `training` tells them.

    A session that has no score of a metric has no row of it.
    """
    parts = [reader(experiment, getattr(files, source)) for source, reader in READERS.items()]
    parts = [part.reindex(columns=SCORES) for part in parts if len(part)]
    scores = pd.concat(parts) if parts else pd.DataFrame(columns=SCORES).astype({"value": float})
    scores = scores.dropna(subset="value")
    return by_model(experiment, scores.assign(cluster=family_of(scores)))


def _fidelity(experiment: Experiment, path: Path) -> pd.DataFrame:
    """Scores of the configured region; a metric without a line in the registry is left out, with a word of it."""
    table = read_numbers("fidelity", path, "value")
    scales = {one.name: one.scale for one in of_source("fidelity")}
    unknown = sorted(set(table.metric) - set(scales))
    if unknown:
        print(f"{path}: no line in statistics/metrics.py, so not used: {', '.join(unknown)}", file=sys.stderr)
    table = table[(table.region == experiment.fidelity.region) & table.metric.isin(list(scales))].assign(engine="")
    return table.assign(value=table["value"] * table.metric.map(scales).astype(float))


def _dice(_: Experiment, path: Path) -> pd.DataFrame:
    """Means over structures."""
    metrics = of_source("dice")
    table = read_numbers("dice", path, *(one.name for one in metrics))
    table = table[table.structure == "mean"]
    return pd.concat(
        [table.assign(metric=one.name, value=one.scale * table[one.name], engine=table.stand_in) for one in metrics]
    )


def _predictions(_: Experiment, path: Path) -> pd.DataFrame:
    """Whether the SEResNet predicts the sex of a session, a mean over its seeds."""
    accuracy = metric("accuracy")
    table = read_numbers("predictions", path)
    table = table[table.probe == "seresnet"].assign(engine="", metric=accuracy.name)
    table["value"] = accuracy.scale * (table.predicted == table.sex)
    return table.groupby(SCORES[:-1], as_index=False)["value"].mean() if len(table) else table


def _regions(_: Experiment, path: Path) -> pd.DataFrame:
    """By how much of the original's volume that of a region in a reconstruction differs from it."""
    metrics = {one.name: one.scale for one in of_source("regions")}
    table = read_numbers("regions", path, "mm3").dropna(subset="mm3")
    table = table.assign(metric="deviation_" + table.region)
    table = table[table.metric.isin(list(metrics))]
    keys = [*SESSION_KEY, "modality", "region"]
    originals = table[table.model == REFERENCE][[*keys, "mm3"]]
    both = table[table.model != REFERENCE].merge(originals, on=keys, suffixes=("", "_original"))
    both = both[both.mm3_original > 0]
    difference = np.abs(both.mm3 - both.mm3_original) / both.mm3_original
    return both.assign(value=both.metric.map(metrics).astype(float) * difference, engine=both.stand_in)


READERS: dict[str, Callable[[Experiment, Path], pd.DataFrame]] = {
    "fidelity": _fidelity,
    "dice": _dice,
    "predictions": _predictions,
    "regions": _regions,
}
"""Source of metrics -> what reads its scores from the gathered table of that name."""

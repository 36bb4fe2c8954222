"""What a card says of a model: from its folder, the cohorts that it was trained on, and its scores."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.config.model import ModelEntry
from neuroquant.config.plain import read_json
from neuroquant.config.volume import Volume
from neuroquant.files import read_tsv
from neuroquant.model_config import CONFIG, PROVENANCE, read_config
from neuroquant.statistics.metrics import METRICS, Metric

TABLES = {"table1", "table2"}
"""A card has the metrics of these."""


@dataclass(frozen=True)
class Data:
    """What a model was trained on, in numbers: no name, no path.

    Attributes
    ----------
    cohorts, subjects, sessions : how many
    images : modality -> how many
    synthetic : whether all of it was made by the workflow
    """

    cohorts: int
    subjects: int
    sessions: int
    images: dict[str, int]
    synthetic: bool


@dataclass(frozen=True)
class Score:
    """One measured score of test subjects, with its interval."""

    cohort: str
    label: str
    modality: str
    metric: Metric
    value: float
    low: float
    high: float
    subjects: int
    stand_in: str = ""


@dataclass(frozen=True)
class Scores:
    """What was measured of one model.

    Attributes
    ----------
    scores : of every cohort, modality and metric
    against_mean : (label of the cohort, modality, verdict) beside the mean training image
    confidence : of the intervals
    trainings : of how many trainings of the model, with a seed each, the scores are means
    """

    scores: tuple[Score, ...] = ()
    against_mean: tuple[tuple[str, str, str], ...] = ()
    confidence: float = 0.95
    trainings: int = 1


@dataclass(frozen=True)
class Facts:
    """All that a card says.

    Attributes
    ----------
    entry, volume : the model and its volumes
    provenance : what training wrote down
    data : None where only the folder is known
    """

    entry: ModelEntry
    volume: Volume
    provenance: dict[str, Any]
    data: Data | None = None
    scores: Scores = field(default_factory=Scores)

    def of(self, entry: ModelEntry, data: Data | None) -> "Facts":
        """The same with a label, and with what the model was trained on."""
        return replace(self, entry=entry, data=data)


def facts_of(folder: Path, scores: Scores | None = None) -> Facts:
    """The facts of a model folder.

    Raises
    ------
    InputError
        If its configuration can't be read.
    """
    entry, volume = read_config(folder / CONFIG)
    found = read_json(folder / PROVENANCE) if (folder / PROVENANCE).is_file() else {}
    return Facts(entry, volume, found if isinstance(found, dict) else {}, None, scores or Scores())


@dataclass(frozen=True)
class TrainingCohort:
    """A cohort of which some subjects may have been trained on.

    Attributes
    ----------
    sessions, splits : its `sessions.tsv` and `splits.tsv`
    synthetic : whether the workflow made it
    """

    sessions: Path
    splits: Path
    synthetic: bool


def training_data(cohorts: list[TrainingCohort], modalities: tuple[str, ...]) -> Data:
    """Training subjects, sessions and images; a cohort without any, such as an external one, doesn't count.

    Parameters
    ----------
    modalities : those of the model; sessions without any of them don't count.
    """
    subjects = count = 0
    images = dict.fromkeys(modalities, 0)
    trained_on = []
    for cohort in cohorts:
        people, table = read_tsv(cohort.splits), read_tsv(cohort.sessions)
        training = table[table.subject.isin(people.subject[people.split == "train"])]
        has = pd.DataFrame({name: training[name] != "" for name in modalities})
        mine = training[has.any(axis=1)]
        if len(mine):
            trained_on.append(cohort)
        subjects, count = subjects + mine.subject.nunique(), count + len(mine)
        images = {name: number + int(has[name].sum()) for name, number in images.items()}
    synthetic = bool(trained_on) and all(cohort.synthetic for cohort in trained_on)
    return Data(len(trained_on), subjects, count, images, synthetic)


def scores_of(
    model: str, cells: pd.DataFrame, against_mean: pd.DataFrame, labels: dict[str, str], confidence: float
) -> Scores:
    """The scores of one model.

    Parameters
    ----------
    cells, against_mean : as `statistics.computed` writes them.
    labels : cohort -> the name that tables show.
    confidence : of the intervals.
    """
    shown = {metric.name: metric for metric in METRICS if TABLES & set(metric.shown_in)}
    own = cells[(cells.model == model) & cells.metric.isin(list(shown))]
    beside = against_mean[against_mean.model == model]
    return Scores(
        tuple(
            Score(
                cell.cohort, labels[cell.cohort], cell.modality, shown[cell.metric], cell.value, cell.ci_low,
                cell.ci_high, int(cell.n_subjects), cell.engine,
            )
            for cell in own.itertuples()
        ),
        tuple((labels[each.cohort], each.modality, each.against_mean) for each in beside.itertuples()),
        confidence,
    )  # fmt: skip

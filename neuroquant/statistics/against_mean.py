"""Whether a model's PSNR is above that of the mean training image, which takes no bits."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.metrics import metric
from neuroquant.statistics.pairing import pairs, seeds_of
from neuroquant.statistics.runner_up import difference
from neuroquant.statistics.trainings import Source
from neuroquant.tables import AGAINST_MEAN

ARCHITECTURE = "baselines.mean"
"""Of the model that gives everybody the mean training image of the modality."""
MEASURE = "psnr"
"""The metric by which models are compared with it."""
BELOW = "below the mean image"
UNSHOWN = "not shown to be above the mean image"
ABOVE = "above the mean image"


def mean_model(experiment: Experiment) -> str | None:
    """The name of the experiment's model of the mean image; None where there is none."""
    return next((entry.name for entry in experiment.models if entry.architecture == ARCHITECTURE), None)


def against_mean(experiment: Experiment, scores: pd.DataFrame, measure: str = MEASURE) -> pd.DataFrame:
    """Every trained model's score less that of the mean image, on the same sessions.

    `ABOVE` means that the interval of the improvement, over families or subjects, lies above 0; `BELOW` that there is
    no improvement; `UNSHOWN` that there is one, but its interval includes 0, or a single subject or family gives none.

    Parameters
    ----------
    scores : DataFrame
        As `scores.load_scores` gives them. Cohorts on which the mean image wasn't scored have no rows.
    measure : str
        Name of a metric.

    Returns
    -------
    Columns `AGAINST_MEAN`, a row per cohort, modality and model.
    """
    mean = mean_model(experiment)
    trained = [entry.name for entry in experiment.shown_models if entry.group != "reference"]
    sign = metric(measure).sign
    rows = [
        [*key, *beside(experiment, both, seeds, sign)]
        for key, both, seeds in paired(scores[scores.metric == measure], trained, mean)
    ]
    return pd.DataFrame(rows, columns=AGAINST_MEAN)


def paired(
    scores: pd.DataFrame, models: list[str], other: str | None
) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame, list[Source]]]:
    """Each cohort, modality and model, its pairs of scores with another model, and what they vary by besides subjects.

    Parameters
    ----------
    scores : of one metric. Models that have no session in common with the other are left out.
    other : the model with which they are compared; None: nothing is.
    """
    for (cohort, modality), here in scores.groupby(["cohort", "modality"], sort=False):
        baseline = here[here.model == other]
        for model in models:
            own = here[here.model == model]
            both = pairs(own, baseline)
            if len(both):
                yield (cohort, modality, model), both, seeds_of(own, baseline, both)


def beside(
    experiment: Experiment, both: pd.DataFrame, seeds: list[Source], sign: int
) -> tuple[float, float, float, int, str]:
    """Difference with its interval, the number of subjects, and the verdict; no interval where it is infinite.

    Parameters
    ----------
    seeds : list of Source
        As `pairing.seeds_of` gives them.
    sign : int
        1 where a higher score is better, -1 where a lower one is.
    """
    differences, subjects = both["value"] - both["value_other"], both["subject"].nunique()
    if not np.isfinite(differences).all():
        value = float(differences.mean())
        return value, np.nan, np.nan, subjects, ABOVE if sign * value > 0 else BELOW
    interval, _ = difference(both, seeds, experiment.statistics)
    nearest = min(sign * interval.low, sign * interval.high)
    verdict = BELOW if sign * interval.value <= 0 else ABOVE if nearest > 0 else UNSHOWN
    return interval.value, interval.low, interval.high, subjects, verdict


def verdicts(table: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """(cohort, model, modality) -> verdict, of a table with these columns; those without one are left out."""
    if "against_mean" not in table:
        return {}
    known = table[table.against_mean.isin((BELOW, UNSHOWN, ABOVE))]
    keys = zip(known.cohort, known.model, known.modality, strict=True)
    return dict(zip(keys, known.against_mean, strict=True))


def verdicts_on(cohort: str, table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """(model, modality) -> verdict on one cohort, of a table with these columns."""
    return {(model, modality): each for (where, model, modality), each in verdicts(table).items() if where == cohort}

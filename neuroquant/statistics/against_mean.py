"""Whether a model's PSNR is above that of the mean training image, which takes no bits."""

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.intervals import cluster_bootstrap
from neuroquant.statistics.pairing import pairs

ARCHITECTURE = "baselines.mean"
"""Of the model that gives everybody the mean training image of the modality."""
BELOW = "below the mean image"
UNSHOWN = "not shown to be above the mean image"
ABOVE = "above the mean image"
COLUMNS = ["cohort", "modality", "model", "difference", "ci_low", "ci_high", "n_subjects", "against_mean"]


def mean_row(experiment: Experiment) -> str | None:
    """The name of the experiment's model of the mean image; None where there is none."""
    return next((row.name for row in experiment.models if row.architecture == ARCHITECTURE), None)


def against_mean(experiment: Experiment, scores: pd.DataFrame) -> pd.DataFrame:
    """Every trained model's PSNR less that of the mean image, on the same sessions: a row a cohort, modality and model.

    `ABOVE` means that the interval of the difference, over families or subjects, lies above 0; `BELOW` that the
    difference is 0 or less; `UNSHOWN` that it is above 0, but its interval isn't, or there is none with one subject or
    family alone.

    Parameters
    ----------
    scores : as `summarise.load_scores` gives them. Cohorts on which the mean image wasn't scored have no rows.
    """
    mean = mean_row(experiment)
    trained = [row.name for row in experiment.models if row.group != "reference"]
    psnr, rows = scores[scores.metric == "psnr"], []
    for (cohort, modality), here in psnr.groupby(["cohort", "modality"], sort=False):
        baseline = here[here.model == mean]
        for model in trained:
            both = pairs(here[here.model == model], baseline)
            if len(both):
                rows.append([cohort, modality, model, *beside(experiment, both)])
    return pd.DataFrame(rows, columns=COLUMNS)


def beside(experiment: Experiment, both: pd.DataFrame) -> tuple[float, float, float, int, str]:
    """Difference with its interval, the number of subjects, and what follows; no interval where it is infinite."""
    difference, subjects = both["value"] - both["value_other"], both["subject"].nunique()
    if not np.isfinite(difference).all():
        value = float(difference.mean())
        return value, np.nan, np.nan, subjects, ABOVE if value > 0 else BELOW
    found = cluster_bootstrap(difference, both["cluster"], experiment.statistics)
    verdict = BELOW if found.value <= 0 else ABOVE if found.low > 0 else UNSHOWN
    return found.value, found.low, found.high, subjects, verdict


def verdicts(table: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """(cohort, model, modality) -> verdict, of a table with these columns; those without one are left out."""
    if "against_mean" not in table:
        return {}
    told = table[table.against_mean.isin((BELOW, UNSHOWN, ABOVE))]
    keys = zip(told.cohort, told.model, told.modality, strict=True)
    return dict(zip(keys, told.against_mean, strict=True))


def verdicts_on(cohort: str, table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """(model, modality) -> verdict on one cohort, of a table with these columns."""
    return {(model, modality): each for (where, model, modality), each in verdicts(table).items() if where == cohort}

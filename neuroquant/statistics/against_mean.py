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
SIGNS = {BELOW: "\u2020", UNSHOWN: "\u2021"}
"""What stands beside a value: a dagger and a double dagger."""
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


def notes(experiment: Experiment, found: set[str]) -> list[str]:
    """What the signs beside values mean, of those verdicts that are there."""
    level = f"{experiment.statistics.confidence:.0%}"
    words = {
        BELOW: "the PSNR is no higher than that of the mean training image of the modality on the same sessions: by "
        "this score the model has learned nothing.",
        UNSHOWN: f"the PSNR is higher, but the {level} interval of the difference on the same sessions includes 0, or "
        "there is no interval, with one subject or family alone.",
    }
    return [f"{SIGNS[verdict]} {verdict}: {text}" for verdict, text in words.items() if verdict in found]


def in_words(experiment: Experiment, cells: pd.DataFrame) -> list[str]:
    """Sentences for the front page: who isn't above the mean image, or that nobody was compared with it.

    Parameters
    ----------
    cells : the tidy table 1.
    """
    if mean_row(experiment) is None:
        return [
            "The experiment has no `mean` model: whether a model learned more than the mean image wasn't looked at."
        ]
    told = verdicts(cells)
    if not told:
        return ["The mean image and a trained model weren't scored on the same sessions: they can't be compared."]
    texts = []
    for verdict, end in ((BELOW, ": by this score nothing was learned"), (UNSHOWN, "")):
        for cohort in dict.fromkeys(cohort for cohort, *_ in told):
            names: dict[str, list[str]] = {}
            for (where, model, modality), found in told.items():
                if (where, found) == (cohort, verdict):
                    names.setdefault(experiment.row(model).shown, []).append(modality)
            if names:
                who = "; ".join(f"{name} ({', '.join(modalities)})" for name, modalities in names.items())
                texts.append(f"{experiment.cohort(cohort).shown}, PSNR {verdict}: {who}{end}.")
    if not texts:
        texts.append("Every trained model's PSNR is above that of the mean image on every cohort and modality.")
    return texts

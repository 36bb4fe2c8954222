"""Models that nobody trained beside the full model: whose PSNR is higher, at how many bits."""

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.against_mean import ARCHITECTURE as MEAN_IMAGE
from neuroquant.statistics.against_mean import MEASURE, beside, paired
from neuroquant.tables import AGAINST_FULL


def against_full(experiment: Experiment, scores: pd.DataFrame) -> pd.DataFrame:
    """PSNR of every model of the reference group less that of the full model, on the same sessions.

    The mean image is compared with trained models elsewhere (`against_mean`). Without a trained full model there is
    nothing to compare with.

    Parameters
    ----------
    scores : DataFrame
        As `scores.load_scores` gives them.

    Returns
    -------
    Columns `AGAINST_FULL`, a row per cohort, modality and model.
    """
    full = experiment.figure4.models[0]
    references = [
        entry.name
        for entry in experiment.shown_models
        if entry.group == "reference" and entry.architecture != MEAN_IMAGE and entry.name != full
    ]
    if experiment.model(full).group == "reference":
        references = []
    rows = [
        [*key, full, *beside(experiment, both, seeds, 1)[:-1]]
        for key, both, seeds in paired(scores[scores.metric == MEASURE], references, full)
    ]
    return pd.DataFrame(rows, columns=AGAINST_FULL)


def wins(experiment: Experiment, table: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """Where one of these models has a higher PSNR than the full model at no more bits: the widest lead of its curve.

    A lead counts if its interval lies above 0. Bits of a codec are those of its code. Of other models they are as they
    are stored: coding would round numbers, and the scores are those of unrounded ones. The full model's are as stored
    too, so that no codec is left out for what coding saves.

    Parameters
    ----------
    table : DataFrame
        As `against_full` gives it.
    costs : DataFrame
        As `rate.costs` gives them.

    Returns
    -------
    Columns `AGAINST_FULL`, then `kbit` of the model, `kbit_full` and `kbit_full_coded`.
    """
    coded = costs.kbit_coded.astype(float)
    own_code = coded.notna() & costs.bits_per_number.isna()
    spent = costs[["cohort", "model"]].assign(kbit=coded.where(own_code, costs.kbit_per_volume))
    stored = costs.assign(full=costs.model, kbit_full=costs.kbit_per_volume, kbit_full_coded=coded)
    both = table.merge(spent, on=["cohort", "model"]).merge(
        stored[["cohort", "full", "kbit_full", "kbit_full_coded"]], on=["cohort", "full"]
    )
    low, lead = both.ci_low.astype(float), both.difference.astype(float)
    ahead = both[(low > 0) & np.isfinite(lead) & (both.kbit <= both.kbit_full)]
    if not len(ahead):
        return ahead
    family = ahead.model.map(lambda name: experiment.model(name).curve_of or name)
    widest = ahead.groupby([ahead.cohort, ahead.modality, family], sort=False).difference.idxmax()
    return ahead.loc[widest].reset_index(drop=True)

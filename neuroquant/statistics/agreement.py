"""How well anatomy agrees: regional volumes with those of the originals, and structures with their own."""

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.intervals import Interval, cluster_bootstrap, clusters_of
from neuroquant.tables import REFERENCE

REGIONS = {"cerebellum_cortex": "Cerebellum cortex", "caudate": "Caudate"}
"""Regions of figure 4, and how they are called."""

AGREEMENT = [
    "cohort", "model", "modality", "region", "images", "reference_ml", "bias_ml", "low_ml", "high_ml", "icc",
    "stand_in",
]  # fmt: skip
STRUCTURES = [
    "cohort", "model", "modality", "structure", "name", "images", "subjects", "dice", "dice_low", "dice_high", "nsd",
    "nsd_low", "nsd_high", "stand_in",
]  # fmt: skip


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Bias, 95 % limits of agreement (Bland and Altman 1986) and ICC(A,1) of every region, against the originals.

    Parameters
    ----------
    table : regional volumes, as regions.tsv has them.
    """
    table = table.dropna(subset="mm3")
    keys, rows = ["cohort", "subject", "session", "modality", "region"], []
    truth = table[table.model == REFERENCE][[*keys, "mm3"]]
    both = table[table.model != REFERENCE].merge(truth, on=keys, suffixes=("", "_reference"))
    for names, part in both.groupby(["cohort", "model", "modality", "region"], sort=False):
        mine, reference = part.mm3.to_numpy() / 1000, part.mm3_reference.to_numpy() / 1000
        difference = mine - reference
        spread = 1.96 * difference.std(ddof=1) if len(part) > 1 else float("nan")
        bias = difference.mean()
        found = [len(part), reference.mean(), bias, bias - spread, bias + spread, icc(mine, reference)]
        rows.append([*names, *found, part.stand_in.iloc[0]])
    return pd.DataFrame(rows, columns=AGREEMENT)


def icc(one: np.ndarray, two: np.ndarray) -> float:
    """ICC(A,1): absolute agreement of single measurements, two-way model (McGraw and Wong 1996); nan below 3 pairs.

    Parameters
    ----------
    one, two : the two measurements (N,) of each case.
    """
    return icc_of(np.stack([one, two], axis=1)) if len(one) > 2 else float("nan")


def icc_of(values: np.ndarray) -> float:
    """ICC(A,1), which Shrout and Fleiss (1979) call ICC(2,1), of values (cases, raters)."""
    count, raters = values.shape
    grand, cases, means = values.mean(), values.mean(1), values.mean(0)
    between_cases = raters * ((cases - grand) ** 2).sum() / (count - 1)
    between_raters = count * ((means - grand) ** 2).sum() / (raters - 1)
    rest = ((values - cases[:, None] - means[None] + grand) ** 2).sum() / ((count - 1) * (raters - 1))
    whole = between_cases + (raters - 1) * rest + raters * (between_raters - rest) / count
    return float((between_cases - rest) / whole) if whole > 0 else float("nan")


def structures(experiment: Experiment, table: pd.DataFrame) -> pd.DataFrame:
    """Mean Dice and normalised surface distance of every structure and group, in percent, with their intervals.

    Parameters
    ----------
    table : as dice.tsv has them, with dice and nsd as numbers.
    """
    table, rows = table.assign(cluster=clusters_of(table)), []
    keys = ["cohort", "modality", "model", "structure", "name"]
    for (cohort, modality, model, structure, name), part in table.groupby(keys, sort=False):
        found = {}
        for metric in ("dice", "nsd"):
            known = part.dropna(subset=metric)
            interval = Interval(np.nan, np.nan, np.nan, 0)
            if len(known):
                interval = cluster_bootstrap(100 * known[metric], known["cluster"], experiment.statistics)
            ends = (interval.value, interval.low, interval.high)
            found |= dict(zip((metric, f"{metric}_low", f"{metric}_high"), ends, strict=True))
        facts = {"cohort": cohort, "model": model, "modality": modality, "structure": structure, "name": name}
        facts |= {"images": len(part), "subjects": part.subject.nunique(), "stand_in": part.stand_in.iloc[0]}
        rows.append(facts | found)
    return pd.DataFrame(rows, columns=STRUCTURES)

"""How well anatomy agrees: regional volumes with those of the originals, and structures with their own."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.intervals import Interval, cluster_means
from neuroquant.statistics.metrics import metric, of_source
from neuroquant.statistics.trainings import by_model, count_images, interval_of
from neuroquant.tables import AGREEMENT, ERRORS_BY_STRUCTURE, REFERENCE, SESSION_KEY, STRUCTURES, family_of

REGIONS = {"cerebellum_cortex": "Cerebellum cortex", "caudate": "Caudate"}
"""Regions of figure 4, and how they are called."""


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """Volume of every region of every reconstruction beside that of its original, and their difference and mean.

    Parameters
    ----------
    table : DataFrame
        Regional volumes, as regions.tsv has them.

    Returns
    -------
    A row per image, model and region: the columns of `table`, and ml, reference_ml, difference_ml and mean_ml.
    """
    table = table.dropna(subset="mm3")
    keys = [*SESSION_KEY, "modality", "region"]
    truth = table[table.model == REFERENCE][[*keys, "mm3"]]
    both = table[table.model != REFERENCE].merge(truth, on=keys, suffixes=("", "_reference"))
    both = both.assign(ml=both.mm3 / 1000, reference_ml=both.mm3_reference / 1000)
    return both.assign(difference_ml=both.ml - both.reference_ml, mean_ml=(both.ml + both.reference_ml) / 2)


def agreement(both: pd.DataFrame) -> pd.DataFrame:
    """Bias, 95 % limits of agreement (Bland and Altman 2007) and ICC(A,1) of every region, against the originals.

    A subject may have several images, whose true volumes differ: the variance of a difference is then that between
    subjects plus that within them. The bias counts each subject once.

    Parameters
    ----------
    both : DataFrame
        As `differences` gives it.
    """
    rows = []
    for names, part in both.groupby(["cohort", "model", "modality", "region"], sort=False):
        reconstructed, reference = part.ml.to_numpy(), part.reference_ml.to_numpy()
        bias, deviation = repeated(part.difference_ml, part.subject)
        spread = 1.96 * deviation
        facts = [len(part), reference.mean(), bias, bias - spread, bias + spread, icc(reconstructed, reference)]
        rows.append([*names, *facts, part.stand_in.iloc[0]])
    return pd.DataFrame(rows, columns=AGREEMENT)


def repeated(differences: ArrayLike, subjects: ArrayLike) -> tuple[float, float]:
    """Mean of differences and the standard deviation of a single one, where subjects have several each.

    Bland and Altman (2007), for a true value that varies: the components of a one-way analysis of variance by
    subject, added up. With one difference per subject it is their plain standard deviation; nan for one subject.

    Parameters
    ----------
    differences, subjects : (N,) each.
    """
    values = np.asarray(differences, float)
    names, index, counts = np.unique(np.asarray(subjects), return_inverse=True, return_counts=True)
    means = cluster_means(values, subjects)
    if len(names) < 2:
        return float(means.mean()), float("nan")
    between = (counts * (means - values.mean()) ** 2).sum() / (len(names) - 1)
    free = len(values) - len(names)
    if not free:
        return float(means.mean()), float(between**0.5)
    within = ((values - means[index]) ** 2).sum() / free
    size = (len(values) - (counts**2).sum() / len(values)) / (len(names) - 1)
    return float(means.mean()), float((max(between - within, 0) / size + within) ** 0.5)


def distributions(table: pd.DataFrame) -> pd.DataFrame:
    """Quartiles and whiskers of regional volumes (ml) of each cohort, model and region.

    Whiskers end at the last image within 1.5 interquartile ranges of the box (Tukey).

    Parameters
    ----------
    table : DataFrame
        As regions.tsv has them, the originals among them.

    Returns
    -------
    Columns cohort, model, region, whislo, q1, med, q3 and whishi.
    """
    rows = []
    for names, part in table.dropna(subset="mm3").groupby(["cohort", "model", "region"], sort=False):
        values = part.mm3.to_numpy() / 1000
        first, middle, third = np.percentile(values, [25, 50, 75])
        reach = 1.5 * (third - first)
        low, high = values[values >= first - reach].min(), values[values <= third + reach].max()
        rows.append([*names, low, first, middle, third, high])
    return pd.DataFrame(rows, columns=["cohort", "model", "region", "whislo", "q1", "med", "q3", "whishi"])


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


def structures(experiment: Experiment, table: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Mean Dice and normalised surface distance of every structure and group, in percent, with their intervals.

    Parameters
    ----------
    table : DataFrame
        As dice.tsv has them, with dice and nsd as numbers.
    cells : DataFrame
        As `cells.cells` gives them, where the means over all structures have their intervals already.

    Returns
    -------
    Columns `STRUCTURES`.
    """
    known = {
        (c.cohort, c.modality, c.model, c.metric): Interval(c.value, c.ci_low, c.ci_high, 0) for c in cells.itertuples()
    }
    table, rows = by_model(experiment, table.assign(cluster=family_of(table))), []
    keys = ["cohort", "modality", "model", "structure", "name"]
    for (cohort, modality, model, structure, name), part in table.groupby(keys, sort=False):
        facts = {"cohort": cohort, "model": model, "modality": modality, "structure": structure, "name": name}
        facts |= {"images": count_images(part), "subjects": part.subject.nunique(), "stand_in": part.stand_in.iloc[0]}
        for score in of_source("dice"):
            interval = known.get((cohort, modality, model, score.name)) if structure == "mean" else None
            interval = interval or _interval(part.assign(value=score.scale * part[score.name]), experiment)
            facts |= {score.name: interval.value, f"{score.name}_low": interval.low}
            facts[f"{score.name}_high"] = interval.high
        rows.append(facts)
    return pd.DataFrame(rows, columns=STRUCTURES)


def errors_by_structure(experiment: Experiment, table: pd.DataFrame) -> pd.DataFrame:
    """Mean MAE (percent of the range) and PSNR (dB) in every structure and group, with their intervals.

    Parameters
    ----------
    table : DataFrame
        As structure_errors.tsv has them, with mae and psnr as numbers.

    Returns
    -------
    Columns `ERRORS_BY_STRUCTURE`.
    """
    table, rows = by_model(experiment, table.assign(cluster=family_of(table))), []
    for names, part in table.groupby(["cohort", "model", "modality", "structure", "name"], sort=False):
        facts = [*names, count_images(part), part.subject.nunique()]
        for column, scale in (("mae", metric("mae").scale), ("psnr", 1)):
            interval = _interval(part.assign(value=scale * part[column]), experiment)
            facts += [interval.value, interval.low, interval.high]
        rows.append([*facts, part.stand_in.iloc[0]])
    return pd.DataFrame(rows, columns=ERRORS_BY_STRUCTURE)


def _interval(scores: pd.DataFrame, experiment: Experiment) -> Interval:
    """Mean and interval of what is known; nan where nothing is."""
    known = scores.dropna(subset="value")
    if not len(known):
        return Interval(np.nan, np.nan, np.nan, 0)
    if np.isinf(known["value"]).any():  # the PSNR of an image that equals its original
        return Interval(np.inf, np.inf, np.inf, 0)
    return interval_of(known, experiment.statistics)


def against_truth(table: pd.DataFrame) -> dict[str, float]:
    """Modality -> mean Dice of the segmenter against ground truth; empty where there is none.

    Parameters
    ----------
    table : DataFrame
        As dice_truth.tsv has it, with dice as a number.
    """
    means = table[table.structure == "mean"].dropna(subset="dice").groupby("modality", sort=False).dice.mean()
    return {str(modality): float(value) for modality, value in means.items()}

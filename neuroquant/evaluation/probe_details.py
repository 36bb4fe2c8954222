"""What a claim about sex needs beside an accuracy: ranking, calibration, controls that could explain it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neuroquant.config.evaluation import Statistics
from neuroquant.evaluation.statistics import Interval, cluster_bootstrap, resamples
from neuroquant.files import read_tsv, written_whole

COLUMNS = [
    "cohort", "model", "modality", "probe", "subset", "sessions", "subjects", "accuracy", "accuracy_low",
    "accuracy_high", "balanced_accuracy", "auroc", "auroc_low", "auroc_high", "brier", "calibration_error",
]  # fmt: skip
CONTROLS = {"head size": ["brain_ml"], "age": ["age"], "head size and age": ["brain_ml", "age"]}
EVERYONE, MATCHED = "all test subjects", "matched for head size"
CALIPER = 0.25
"""Standard deviations of brain volume by which the two of a matched pair may differ."""
BINS = 5


@dataclass(frozen=True)
class Cohort:
    """Tables of one cohort: sessions.tsv, qc.tsv and splits.tsv."""

    name: str
    sessions: Path
    qc: Path
    splits: Path


def write_details(predictions: Path, cohorts: list[Cohort], settings: Statistics, out: Path) -> None:
    """Write a row for each probe and control, on all test subjects and on pairs of one F and one M of like head size.

    Accuracy counts sessions, as Table 1 does; intervals resample families, or subjects where no family is known.
    `calibration_error` is the mean distance of predicted from observed shares over `BINS` bins of equal width.
    """
    guesses, rows = read_tsv(predictions), []
    guesses["probability"] = guesses["probability"].astype(float)
    for cohort in cohorts:
        facts = describe(cohort)
        mine = pd.concat([guesses[guesses.cohort == cohort.name], controls(facts, cohort.name)])
        if mine.empty:
            continue  # nothing could be probed here: too few subjects, or of one sex
        chosen = matched(facts[facts.split == "test"])
        keys = list(zip(mine.subject, mine.session, strict=True))
        for subset, part in ((EVERYONE, mine), (MATCHED, mine[[key in chosen for key in keys]])):
            for (model, modality, probe), group in part.groupby(["model", "modality", "probe"], sort=False):
                found = score(group, settings)
                names = {"cohort": cohort.name, "model": model, "modality": modality, "probe": probe, "subset": subset}
                rows.append(names | found)
    table = pd.DataFrame(rows, columns=COLUMNS)
    with written_whole(out) as scratch:
        table.to_csv(scratch, index=False, lineterminator="\n", float_format="%.6g")


def describe(cohort: Cohort) -> pd.DataFrame:
    """Every usable session with its split, sex, age (nan where unknown) and brain volume in ml."""
    sessions, qc, splits = (read_tsv(path) for path in (cohort.sessions, cohort.qc, cohort.splits))
    facts = sessions.merge(qc[["subject", "session", "brain_ml"]], on=["subject", "session"])
    facts["split"] = facts["subject"].map(splits.set_index("subject")["split"])
    for name in ("age", "brain_ml"):
        facts[name] = pd.to_numeric(facts[name].replace("", None))
    return facts


def controls(facts: pd.DataFrame, cohort: str) -> pd.DataFrame:
    """Predictions on test sessions by logistic regression on covariates alone, as rows of a table of predictions."""
    found = []
    train, test = facts[facts.split == "train"], facts[facts.split == "test"]
    for name, columns in CONTROLS.items():
        known, asked = train.dropna(subset=columns), test.dropna(subset=columns)
        if known["sex"].nunique() < 2 or not len(asked) or (known[columns].std() < 1e-9).all():
            continue
        line = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        line.fit(known[columns], known["sex"] == "F")
        told = asked[["subject", "session", "family", "sex"]].assign(
            cohort=cohort, model=f"control: {name}", modality="", probe="logistic", seed="0",
            probability=line.predict_proba(asked[columns])[:, 1],
        )  # fmt: skip
        found.append(told.assign(predicted=np.where(told.probability > 0.5, "F", "M")))
    return pd.concat(found) if found else pd.DataFrame()


def matched(test: pd.DataFrame) -> set[tuple[str, str]]:
    """Sessions (subject, session) of pairs of an F and an M whose brain volumes are close, one session a subject.

    Greedy: the closest pair first, each subject in one pair at most.
    """
    first = test.dropna(subset="brain_ml").sort_values(["subject", "session"]).drop_duplicates("subject")
    women, men = first[first.sex == "F"], first[first.sex == "M"]
    if not len(women) or not len(men):
        return set()
    apart = np.abs(women.brain_ml.to_numpy()[:, None] - men.brain_ml.to_numpy()[None])
    limit, chosen = CALIPER * first.brain_ml.std(), set()
    free_women, free_men = np.ones(len(women), bool), np.ones(len(men), bool)
    for place in np.argsort(apart, axis=None, kind="stable"):
        row, column = np.unravel_index(place, apart.shape)
        if apart[row, column] > limit:
            break
        if free_women[row] and free_men[column]:
            free_women[row] = free_men[column] = False
            chosen |= {(person.subject, person.session) for person in (women.iloc[row], men.iloc[column])}
    return chosen


def score(group: pd.DataFrame, settings: Statistics) -> dict[str, float]:
    """Every number of one probe's predictions; where there are several seeds, means over them."""
    seeds = [part.reset_index(drop=True) for _, part in group.groupby("seed")]
    one = seeds[0]
    truth = (one.sex == "F").to_numpy()
    guesses = np.stack([part.probability.to_numpy() for part in seeds])
    clusters = one.family.where(one.family != "", one.subject)
    accuracy = cluster_bootstrap(((guesses > 0.5) == truth).mean(0), clusters, settings)
    found = {
        "sessions": len(one),
        "subjects": one.subject.nunique(),
        "accuracy": accuracy.value,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "brier": float(((guesses - truth) ** 2).mean()),
        "calibration_error": float(np.mean([calibration_error(truth, guess) for guess in guesses])),
    }
    if not 0 < truth.sum() < len(truth):
        return found  # of one sex: nothing to rank
    balanced = np.mean([balanced_accuracy_score(truth, guess > 0.5) for guess in guesses])
    area = auroc(truth, guesses, clusters, settings)
    return found | {
        "balanced_accuracy": float(balanced), "auroc": area.value, "auroc_low": area.low, "auroc_high": area.high,
    }  # fmt: skip


def auroc(truth: np.ndarray, guesses: np.ndarray, clusters: ArrayLike, settings: Statistics) -> Interval:
    """Area under the ROC curve, a mean over seeds, with an interval that resamples whole clusters.

    Each resample weights the pairs of an F and an M by how often their clusters were drawn; those without a pair are
    left out.

    Parameters
    ----------
    truth : (N,), true for F
    guesses : (seeds, N)
    clusters : (N,)
    """
    above = np.mean(
        [(guess[truth][:, None] > guess[~truth]) + 0.5 * (guess[truth][:, None] == guess[~truth]) for guess in guesses],
        axis=0,
    )
    names, place = np.unique(np.asarray(clusters), return_inverse=True)
    weights = resamples(len(names), settings)[:, place]
    women, men = weights[:, truth], weights[:, ~truth]
    pairs = women.sum(1) * men.sum(1)
    areas = ((women @ above) * men).sum(1)[pairs > 0] / pairs[pairs > 0]
    tail, value = (1 - settings.confidence) / 2, float(above.mean())
    low, high = np.quantile(areas, [tail, 1 - tail])
    return Interval(value, min(float(low), value), max(float(high), value), len(names))


def calibration_error(truth: np.ndarray, guess: np.ndarray) -> float:
    """Distance of predicted from observed shares, a mean over bins of equal width weighted by their size."""
    place = np.minimum((guess * BINS).astype(int), BINS - 1)
    size = np.bincount(place, minlength=BINS)
    distance = np.abs(np.bincount(place, truth - guess, BINS)) / np.maximum(size, 1)
    return float((distance * size).sum() / max(len(guess), 1))

"""What a claim about sex needs beside an accuracy: ranking, calibration, controls that could explain it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.evaluation import Statistics
from neuroquant.config.experiment import Experiment
from neuroquant.extras import optional
from neuroquant.files import read_tsv, written_whole
from neuroquant.statistics.intervals import (
    around,
    auroc,
    auroc_draws,
    balanced_accuracy,
    cluster_bootstrap,
)
from neuroquant.tables import PROBES, family_of

with optional():
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler


HEAD_SIZE = "head size"
CONTROLS = {
    HEAD_SIZE: ["brain_ml"],
    "age": ["age"],
    "age and site": ["age", "site"],
    "head size and age": ["brain_ml", "age"],
}
"""What is known of a session without looking at its image; head size is the volume of the brain's mask."""
CATEGORIES = {"site", "sex"}
EVERYONE, MATCHED = "all test subjects", "matched for head size"
CALIPER = 0.25
"""Standard deviations of brain volume by which the two of a matched pair may differ."""
BINS = 5


@dataclass(frozen=True)
class Cohort:
    """Tables of one cohort: sessions.tsv, qc.tsv and splits.tsv.

    Attributes
    ----------
    name : str
    sessions, qc, splits : Path
    learned_from : tuple of Cohort
        Cohorts whose training subjects probes and controls have learned from, besides its own.
    """

    name: str
    sessions: Path
    qc: Path
    splits: Path
    learned_from: tuple["Cohort", ...] = ()


def cohorts_of(experiment: Experiment, files: Mapping[str, Mapping[str, Path]], scored: Iterable[str]) -> list[Cohort]:
    """The cohorts that are scored; probes of an external one have learned from those that models train on.

    Parameters
    ----------
    files : cohort -> `sessions`, `qc` and `splits`.
    scored : their names.
    """
    own = {name: Cohort(name, **tables) for name, tables in files.items()}
    learned_from = tuple(own[name] for name in experiment.training_cohorts if name in own)
    return [
        replace(own[name], learned_from=learned_from) if experiment.cohort(name).external else own[name]
        for name in scored
    ]


def write_details(
    predictions: Path, cohorts: list[Cohort], settings: Statistics, out: Path, further: tuple[str, ...] = ()
) -> None:
    """Write a row for each probe and control, on all test subjects and on F-M pairs of similar head size.

    Entries named in `further`, trainings of further seeds, are left out. Accuracy counts families once, as Table 1
    does, AUROC and the rest sessions; intervals resample families, or subjects where no family is known.
    `array` is what the probe read (name and shape), `calibration_error` the mean distance of predicted from observed
    shares over `BINS` bins of equal width, `auroc_gain` the AUROC less that of head size alone on the same sessions.
    The columns `subject_...` are of subjects, whose sessions' probabilities are averaged first.
    """
    guesses, rows = read_tsv(predictions), []
    guesses = guesses[~guesses.model.isin(further)].copy()
    guesses["probability"] = guesses["probability"].astype(float)
    for cohort in cohorts:
        facts = describe(cohort)
        known = controls(facts, cohort.name, *map(describe, cohort.learned_from))
        every = pd.concat([guesses[guesses.cohort == cohort.name], known])
        if every.empty:
            continue  # nothing could be probed here: too few subjects, or of one sex
        chosen = matched(facts[facts.split == "test"])
        head_size = known[known.model == f"control: {HEAD_SIZE}"] if len(known) else every.head(0)
        keys = list(zip(every.subject, every.session, strict=True))
        for subset, part in ((EVERYONE, every), (MATCHED, every[[key in chosen for key in keys]])):
            for (model, modality, probe), group in part.groupby(["model", "modality", "probe"], sort=False):
                numbers = score(group, settings) | gain(group, head_size, settings)
                names = {"cohort": cohort.name, "model": model, "modality": modality, "probe": probe, "subset": subset}
                rows.append(names | {"array": group.array.iloc[0]} | numbers)
    table = pd.DataFrame(rows, columns=PROBES)
    with written_whole(out) as scratch:
        table.to_csv(scratch, index=False, lineterminator="\n", float_format="%.6g")


def describe(cohort: Cohort) -> pd.DataFrame:
    """Every usable session with its split, sex, age, brain volume in ml and site (nan where unknown)."""
    sessions, qc, splits = (read_tsv(path) for path in (cohort.sessions, cohort.qc, cohort.splits))
    facts = sessions.merge(qc[["subject", "session", "brain_ml"]], on=["subject", "session"])
    facts["split"] = facts["subject"].map(splits.set_index("subject")["split"])
    for name in ("age", "brain_ml"):
        facts[name] = pd.to_numeric(facts[name].replace("", None))
    facts["site"] = facts["site"].replace("", np.nan) if "site" in facts else np.nan
    return facts


def controls(facts: pd.DataFrame, cohort: str, *elsewhere: pd.DataFrame) -> pd.DataFrame:
    """Predictions on test sessions by logistic regression on covariates alone, as rows of a table of predictions.

    A control whose covariates aren't known, or don't vary among the training subjects, is left out.

    Parameters
    ----------
    facts : DataFrame
        As `describe` gives them, of the cohort.
    *elsewhere : DataFrame
        Those of the cohorts whose training subjects are learned from in the case of an external cohort.
    """
    predictions = []
    every = pd.concat([facts, *elsewhere])
    train, test = every[every.split == "train"], facts[facts.split == "test"]
    for name, columns in CONTROLS.items():
        known, asked = train.dropna(subset=columns), test.dropna(subset=columns)
        if known["sex"].nunique() < 2 or not len(asked) or not all(known[c].nunique() > 1 for c in columns):
            continue
        line = make_pipeline(encoder(columns), LogisticRegression(max_iter=2000)).fit(
            known[columns], known["sex"] == "F"
        )
        table = asked[["subject", "session", "family", "sex"]].assign(
            cohort=cohort, model=f"control: {name}", modality="", probe="logistic", array="", seed="0",
            probability=line.predict_proba(asked[columns])[:, 1],
        )  # fmt: skip
        predictions.append(table.assign(predicted=np.where(table.probability > 0.5, "F", "M")))
    return pd.concat(predictions) if predictions else pd.DataFrame()


def encoder(columns: list[str]) -> ColumnTransformer:
    """Numbers standardised, categories as one column each; one that only test subjects have is no category."""
    numbers = [name for name in columns if name not in CATEGORIES]
    categories = [name for name in columns if name in CATEGORIES]
    parts = [("numbers", StandardScaler(), numbers)]
    parts += [("categories", OneHotEncoder(handle_unknown="ignore"), categories)] if categories else []
    return ColumnTransformer(parts)


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
    for pair in np.argsort(apart, axis=None, kind="stable"):
        row, column = np.unravel_index(pair, apart.shape)
        if apart[row, column] > limit:
            break
        if free_women[row] and free_men[column]:
            free_women[row] = free_men[column] = False
            chosen |= {(person.subject, person.session) for person in (women.iloc[row], men.iloc[column])}
    return chosen


def score(group: pd.DataFrame, settings: Statistics) -> dict[str, float]:
    """Every number of one probe's predictions; where there are several seeds, means over them."""
    one, truth, guesses, clusters = laid_out(group)
    accuracy = cluster_bootstrap(((guesses > 0.5) == truth).mean(0), clusters, settings)
    numbers = {
        "sessions": len(one),
        "subjects": one.subject.nunique(),
        "accuracy": accuracy.value,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "brier": float(((guesses - truth) ** 2).mean()),
        "calibration_error": float(np.mean([calibration_error(truth, guess) for guess in guesses])),
    }
    people = group.groupby(["seed", "subject"], as_index=False).agg(
        probability=("probability", "mean"), sex=("sex", "first"), family=("family", "first")
    )
    _, whose, means, kin = laid_out(people)
    right = ((means > 0.5) == whose).mean(0)
    numbers["subject_accuracy"] = float(right.mean())
    if not 0 < truth.sum() < len(truth):
        return numbers  # of one sex: nothing to rank
    balanced = balanced_accuracy(truth, ((guesses > 0.5) == truth).mean(0), clusters, settings)
    area = auroc(truth, guesses, clusters, settings)
    return numbers | {
        "balanced_accuracy": balanced.value,
        "balanced_accuracy_low": balanced.low,
        "balanced_accuracy_high": balanced.high,
        "auroc": area.value,
        "auroc_low": area.low,
        "auroc_high": area.high,
        "subject_balanced_accuracy": float((right[whose].mean() + right[~whose].mean()) / 2),
        "subject_auroc": auroc_draws(whose, means, kin, settings)[0],
    }


def laid_out(group: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, pd.Series]:
    """Rows of the first seed, whether they are F (N,), probabilities (seeds, N), and the cluster of each row."""
    seeds = [part.reset_index(drop=True) for _, part in group.groupby("seed")]
    one = seeds[0]
    guesses = np.stack([part.probability.to_numpy() for part in seeds])
    return one, (one.sex == "F").to_numpy(), guesses, family_of(one)


def gain(group: pd.DataFrame, control: pd.DataFrame, settings: Statistics) -> dict[str, float]:
    """AUROC less that of a control on the same sessions, resampled together; nothing where it isn't available."""
    keys = ["subject", "session"]
    both = group.merge(control[[*keys, "probability"]], on=keys, suffixes=("", "_control"))
    if both.empty or both["sex"].nunique() < 2 or group.model.iloc[0].startswith("control"):
        return {}
    one, truth, guesses, clusters = laid_out(both)
    own, draws, count = auroc_draws(truth, guesses, clusters, settings)
    other, drawn, _ = auroc_draws(truth, one.probability_control.to_numpy()[None], clusters, settings)
    interval = around(own - other, draws - drawn, count, settings)
    return {"auroc_gain": interval.value, "auroc_gain_low": interval.low, "auroc_gain_high": interval.high}


def calibration_error(truth: np.ndarray, guess: np.ndarray) -> float:
    """Distance of predicted from observed shares, a mean over bins of equal width weighted by their size."""
    number = np.minimum((guess * BINS).astype(int), BINS - 1)
    size = np.bincount(number, minlength=BINS)
    distance = np.abs(np.bincount(number, truth - guess, BINS)) / np.maximum(size, 1)
    return float((distance * size).sum() / max(len(guess), 1))

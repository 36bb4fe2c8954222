"""How well targets beside the paper's sex are predicted, and by how much of it covariates alone could explain it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.evaluation import Statistics
from neuroquant.extras import optional
from neuroquant.files import read_tsv, written_whole
from neuroquant.statistics.intervals import Interval, around, auroc_draws, balanced_accuracy, cluster_bootstrap
from neuroquant.statistics.probes import EVERYONE, HEAD_SIZE, MATCHED, Cohort, describe, encoder, matched
from neuroquant.statistics.regression import Draws, correlation, r2_draws
from neuroquant.tables import PROBE_TARGETS, SESSION_KEY, family_of

with optional():
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline


BASELINE = "training mean"
"""Control that knows no covariate: the mean of the training sessions, or their most frequent class."""


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes
    ----------
    name, kind : str
        Its column, and regression or classification.
    classes : tuple of str
        In the order of the probabilities; none of a number.
    known : DataFrame
        Columns cohort, subject, session and value, as text.
    """

    name: str
    kind: str
    classes: tuple[str, ...]
    known: pd.DataFrame

    def covariates(self) -> dict[str, list[str]]:
        """Control -> what is known of a session without looking at its image, the target itself left out."""
        of_person = [name for name in ("age", "sex") if name != self.name]
        found = {HEAD_SIZE: ["brain_ml"], " and ".join(of_person): of_person}
        if self.name != "site":
            found[f"{', '.join(of_person)} and site"] = [*of_person, "site"]
        return found | {f"head size{',' if len(of_person) > 1 else ' and'} {' and '.join(of_person)}": [
            "brain_ml", *of_person
        ]}  # fmt: skip


def read_target(facts_tsv: Path, known_tsv: Path) -> Target:
    """A target by its two tables (`tables.TARGETS`, `tables.TARGET_VALUES`)."""
    facts = read_tsv(facts_tsv).iloc[0]
    return Target(facts.target, facts.kind, tuple(json.loads(facts.classes)), read_tsv(known_tsv))


def write_targets(
    predictions: Path,
    targets: list[Target],
    cohorts: list[Cohort],
    settings: Statistics,
    out: Path,
    further: tuple[str, ...] = (),
) -> None:
    """Write a row for each probe and control of each target (`PROBE_TARGETS`).

    Accuracy and absolute error count families once; the rest counts sessions, and intervals resample families, or
    subjects where no family is known. What has two classes is also scored in pairs of similar head size. Entries named
    in `further`, trainings of further seeds, are left out.
    """
    guesses = read_tsv(predictions)
    guesses, rows = guesses[~guesses.model.isin(further)], []
    for cohort in cohorts:
        facts, elsewhere = describe(cohort), [describe(other) for other in cohort.learned_from]
        for target in targets:
            mine = guesses[(guesses.cohort == cohort.name) & (guesses.target == target.name)]
            own, others = with_truth(facts, target), [with_truth(table, target) for table in elsewhere]
            known = controls(own, others, target, cohort.name)
            every = pd.concat([mine, known]) if len(known) else mine
            for subset, part in subsets(every, own, target):
                for (model, part_of, modality, probe), group in part.groupby(
                    ["model", "part", "modality", "probe"], sort=False
                ):
                    names = {"cohort": cohort.name, "target": target.name, "kind": target.kind, "subset": subset}
                    names |= {"model": model, "part": part_of, "modality": modality, "probe": probe}
                    names["array"] = group.array.iloc[0]
                    rows.append(names | score(group, target, settings) | gain(group, known, target, settings))
    table = pd.DataFrame(rows, columns=PROBE_TARGETS)
    with written_whole(out) as scratch:
        table.to_csv(scratch, index=False, lineterminator="\n", float_format="%.6g")


def with_truth(facts: pd.DataFrame, target: Target) -> pd.DataFrame:
    """Sessions of which the target is known, with its value as text in `truth`."""
    known = target.known.rename(columns={"value": "truth"})[[*SESSION_KEY, "truth"]]
    return facts.merge(known, on=SESSION_KEY)


def subsets(every: pd.DataFrame, facts: pd.DataFrame, target: Target) -> Iterator[tuple[str, pd.DataFrame]]:
    """All predictions, and where there are two classes those of pairs of both whose heads are of similar size."""
    yield EVERYONE, every
    if len(target.classes) == 2 and len(every):
        test = facts[facts.split == "test"]
        chosen = matched(test.assign(sex=np.where(test.truth == target.classes[0], "M", "F")))
        keys = zip(every.subject, every.session, strict=True)
        yield MATCHED, every[[key in chosen for key in keys]]


def controls(own: pd.DataFrame, elsewhere: list[pd.DataFrame], target: Target, cohort: str) -> pd.DataFrame:
    """Predictions on test sessions by covariates alone, as rows of `TARGET_PREDICTIONS`, and by none.

    A control whose covariates aren't known, or don't vary among the training subjects, is left out.

    Parameters
    ----------
    own : sessions of the cohort of which the target is known.
    elsewhere : those of the cohorts from which an external cohort's probes learn.
    """
    every, parts = pd.concat([own, *elsewhere]), []
    train, test = every[every.split == "train"], own[own.split == "test"]
    for name, columns in ({BASELINE: []} | target.covariates()).items():
        known, asked = train.dropna(subset=columns), test.dropna(subset=columns)
        if known["truth"].nunique() < 2 or not len(asked) or not all(known[c].nunique() > 1 for c in columns):
            continue
        line = fitted(known, columns, target)
        given = asked[columns] if columns else np.zeros((len(asked), 1))
        label = "most frequent class" if name == BASELINE and target.classes else name
        table = asked[[*SESSION_KEY, "family", "truth"]].assign(
            cohort=cohort, model=f"control: {label}", part="", modality="", probe="logistic" if target.classes else
            "linear", array="", seed="0", target=target.name, predicted=line.predict(given).astype(str),
            probabilities="",
        )  # fmt: skip
        if target.classes:
            shares = pd.DataFrame(line.predict_proba(given), columns=line.classes_).reindex(
                columns=list(target.classes), fill_value=0.0
            )
            table["probabilities"] = [" ".join(map(repr, map(float, row))) for row in shares.to_numpy()]
        parts.append(table)
    return pd.concat(parts) if parts else pd.DataFrame()


def fitted(known: pd.DataFrame, columns: list[str], target: Target) -> object:
    """Logistic or linear regression of the target on covariates of training sessions; without any, of nothing."""
    truth = known["truth"] if target.classes else known["truth"].astype(float)
    if not columns:
        line = DummyClassifier(strategy="prior") if target.classes else DummyRegressor()
        return line.fit(np.zeros((len(truth), 1)), truth)
    line = LogisticRegression(max_iter=2000) if target.classes else LinearRegression()
    return make_pipeline(encoder(columns), line).fit(known[columns], truth)


def laid_out(group: pd.DataFrame, target: Target) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows of the first seed, what is true of them (N,), and what the seeds predict.

    Of a number (seeds, N); of classes, whose numbers are true, the probability of each, (seeds, N, classes).
    """
    seeds = [part.reset_index(drop=True) for _, part in group.groupby("seed")]
    one = seeds[0]
    if not target.classes:
        return one, one.truth.astype(float).to_numpy(), np.stack([part.predicted.astype(float) for part in seeds])
    truth = one.truth.map(target.classes.index).to_numpy()
    return one, truth, np.stack([[list(map(float, p.split())) for p in part.probabilities] for part in seeds])


def score(group: pd.DataFrame, target: Target, settings: Statistics) -> dict[str, float]:
    """Every number of one probe's predictions; where there are several seeds, means over them."""
    one, truth, guesses = laid_out(group, target)
    clusters, numbers = family_of(one), {"sessions": len(one), "subjects": one.subject.nunique()}
    if not target.classes:
        error = cluster_bootstrap(np.abs(guesses - truth).mean(0), clusters, settings)
        return numbers | (
            _ends("mae", error)
            | _ends("r2", around(*r2_draws(truth, guesses, clusters, settings), settings))
            | _ends("r", correlation(truth, guesses, clusters, settings))
        )
    right = (guesses.argmax(2) == truth).mean(0)
    numbers |= {"classes": len(set(truth))} | _ends("accuracy", cluster_bootstrap(right, clusters, settings))
    if len(set(truth)) < 2:
        return numbers  # all are of one class: nothing to rank
    return numbers | (
        _ends("balanced_accuracy", balanced_accuracy(truth, right, clusters, settings))
        | _ends("auroc", around(*area_draws(truth, guesses, clusters, settings), settings))
    )


def area_draws(truth: np.ndarray, guesses: np.ndarray, clusters: pd.Series, settings: Statistics) -> Draws:
    """AUROC of classes; of more than two the mean of those of each class against the rest.

    Parameters
    ----------
    truth : (N,), number of the class
    guesses : (seeds, N, classes)
    """
    present = sorted(set(truth))
    asked = present[1:] if len(present) == 2 and guesses.shape[2] == 2 else present
    areas = [auroc_draws(truth == one, guesses[:, :, one], clusters, settings) for one in asked]
    return float(np.mean([area[0] for area in areas])), np.mean([area[1] for area in areas], 0), areas[0][2]


def gain(group: pd.DataFrame, known: pd.DataFrame, target: Target, settings: Statistics) -> dict[str, float]:
    """AUROC, or R2, less that of head size alone on the same sessions, resampled together; nothing without it."""
    head_size = known[known.model == f"control: {HEAD_SIZE}"] if len(known) else known
    if not len(head_size) or group.model.iloc[0].startswith("control"):
        return {}
    keys = ["subject", "session"]
    both = group.merge(head_size[keys], on=keys)
    if both.empty or both.truth.nunique() < 2:
        return {}
    draws = area_draws if target.classes else r2_draws
    one, truth, guesses = laid_out(both, target)
    _, _, theirs = laid_out(one[keys].merge(head_size, on=keys), target)
    value, drawn, count = draws(truth, guesses, family_of(one), settings)
    least, below, _ = draws(truth, theirs, family_of(one), settings)
    return _ends("gain", around(value - least, drawn - below, count, settings))


def _ends(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}

"""Probes of other targets: every measure, beside covariates that could explain it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from neuroquant.config.evaluation import Statistics
from neuroquant.files import read_tsv, write_tsv
from neuroquant.statistics.probes import CONTROLS, EVERYONE, MATCHED, Cohort, describe
from neuroquant.statistics.targets import Target, controls, read_target, score, with_truth, write_targets
from neuroquant.tables import PROBE_TARGETS, SESSION_KEY

FEW = Statistics(bootstrap=200)
HANDS = ("both", "left", "right")


def make_cohort(folder, name="c", count=120):
    """Heads that grow with age, of which half are tested; a class of three and one of two; three sites."""
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    ages = 8 + generator.permutation(count) / 10
    people = pd.DataFrame({"cohort": name, "subject": [f"s{n:03d}" for n in range(count)], "session": "1"})
    facts = {"family": [f"f{n // 2}" for n in range(count)], "sex": ["FM"[n % 2] for n in range(count)], "age": ages}
    write_tsv(people.assign(**facts, site=["ABC"[n % 3] for n in range(count)]), folder / "sessions.tsv")
    brain = 1000 + 20 * (ages - 8) + 10 * generator.normal(size=count)
    write_tsv(people.assign(brain_ml=brain), folder / "qc.tsv")
    splits = people[["subject"]].assign(
        family="", sex="F", split=["train" if n % 4 < 2 else "test" for n in range(count)]
    )
    write_tsv(splits, folder / "splits.tsv")
    return Cohort(name, *(folder / f"{table}.tsv" for table in ("sessions", "qc", "splits")))


def target_of(cohort, name="age"):
    """The target with its values: ages, hands by number, or whether somebody has a large head."""
    sessions, brain = read_tsv(cohort.sessions), read_tsv(cohort.qc, ("brain_ml",)).brain_ml
    numbers = range(len(sessions))
    values, classes = {
        "age": (sessions.age, ()),
        "iq": ([repr(100.0 + n % 7) for n in numbers], ()),
        "hand": ([HANDS[n * 7 % 3] for n in numbers], HANDS),
        "large": (np.where(brain + 30 * np.sin(np.arange(120)) > brain.median(), "yes", "no"), ("no", "yes")),
        "site": (sessions.site, ("A", "B", "C")),
    }[name]
    known = sessions[SESSION_KEY].assign(target=name, value=list(values))
    return Target(name, "classification" if classes else "regression", classes, known)


def predictions(cohort, target, guess):
    """Rows of two seeds; `guess` gives the numbers, or the probabilities, of the test sessions' truths (N,)."""
    test = with_truth(describe(cohort), target).query("split == 'test'")
    rows = []
    for seed in ("0", "1"):
        told = guess(test, np.random.default_rng(int(seed)))
        table = test[[*SESSION_KEY, "family", "truth"]].assign(
            modality="T1w", model="m", target=target.name, part="main", probe="linear", array="z 4x2x2x2", seed=seed
        )
        if target.classes:
            shares = [" ".join(map(str, row)) for row in told]
            rows.append(table.assign(probabilities=shares, predicted=[target.classes[k] for k in told.argmax(1)]))
        else:
            rows.append(table.assign(probabilities="", predicted=told.astype(str)))
    return pd.concat(rows)


def details(folder, cohort, target, guess):
    write_tsv(predictions(cohort, target, guess), folder / "p.tsv")
    write_targets(folder / "p.tsv", [target], [cohort], FEW, folder / "out.csv")
    table = pd.read_csv(folder / "out.csv")
    assert list(table.columns) == PROBE_TARGETS
    return table.set_index(["subset", "model"])


def near(test, generator):
    return test.truth.astype(float).to_numpy() + 0.5 * generator.normal(size=len(test))


def test_a_probe_of_age_has_error_explained_variance_and_correlation_beside_controls_without_age(tmp_path):
    cohort = make_cohort(tmp_path)
    table = details(tmp_path, cohort, target_of(cohort), near).loc[EVERYONE]
    own = table.loc["m"]
    assert own.mae == pytest.approx(0.4, abs=0.1) and own.mae_low < own.mae < own.mae_high
    assert 0.9 < own.r2_low < own.r2 < own.r2_high <= 1 and own.r > 0.95 and own.subjects == 60
    assert np.isnan(own.accuracy) and np.isnan(own.auroc)
    assert set(table.index) == {"m"} | {
        f"control: {name}" for name in ("training mean", "head size", "sex", "sex and site", "head size and sex")
    }
    assert table.loc["control: head size"].r2 > 0.9, "heads grow with age here"
    assert abs(table.loc["control: training mean"].r2) < 0.1 and table.loc["control: sex"].r2 < 0.1
    assert own.gain == pytest.approx(own.r2 - table.loc["control: head size"].r2, abs=1e-5)
    assert np.isnan(table.loc["control: sex"].gain)


def test_three_classes_have_the_measures_of_scikit_learn(tmp_path):
    cohort = make_cohort(tmp_path)
    target = target_of(cohort, "hand")

    def guess(test, generator):
        shares = generator.random((len(test), 3)) + 0.4 * np.eye(3)[test.truth.map(HANDS.index)]
        return shares / shares.sum(1, keepdims=True)

    table = details(tmp_path, cohort, target, guess).loc[EVERYONE]
    rows = [part for _, part in predictions(cohort, target, guess).groupby("seed")]
    shares = [np.array([list(map(float, text.split())) for text in part.probabilities]) for part in rows]
    area = np.mean([roc_auc_score(rows[0].truth, share, multi_class="ovr", labels=HANDS) for share in shares])
    balanced = np.mean([balanced_accuracy_score(part.truth, part.predicted) for part in rows])
    own = table.loc["m"]
    assert own.auroc == pytest.approx(area, abs=1e-5) and own.balanced_accuracy == pytest.approx(balanced, abs=1e-5)
    assert own["classes"] == 3 and own.auroc_low < own.auroc < own.auroc_high and np.isnan(own.mae)
    assert table.loc["control: most frequent class"].balanced_accuracy == pytest.approx(1 / 3)
    assert table.loc["control: most frequent class"].auroc == 0.5
    assert "control: head size, age and sex" in table.index and "control: age, sex and site" in table.index


def test_two_classes_are_also_scored_in_pairs_of_similar_heads(tmp_path):
    cohort = make_cohort(tmp_path)
    target = target_of(cohort, "large")

    def reads_head_size(test, generator):
        p = 1 / (1 + np.exp(-(test.brain_ml - 1120) / 20))
        return np.stack([1 - p, p], 1)

    table = details(tmp_path, cohort, target, reads_head_size)
    assert set(table.index.get_level_values(0)) == {EVERYONE, MATCHED}
    own = table.loc[(EVERYONE, "m")]
    assert own.auroc > 0.9 and own.gain_low <= 0.01 and own.accuracy_low <= own.accuracy <= own.accuracy_high


def test_controls_leave_the_target_out_and_those_of_sex_are_the_papers():
    def of(name):
        return Target(name, "regression", (), pd.DataFrame()).covariates()

    assert of("sex") == CONTROLS
    assert set(of("age")) == {"head size", "sex", "sex and site", "head size and sex"}
    assert not any("site" in columns for columns in of("site").values())
    for name in ("age", "sex", "site"):
        assert not any(name in columns for columns in of(name).values())


def test_controls_of_an_external_cohort_learn_from_the_others(tmp_path):
    own, other = make_cohort(tmp_path / "a", "a"), make_cohort(tmp_path / "b", "b")
    write_tsv(read_tsv(other.splits).assign(split="test"), other.splits)
    known = pd.concat([target_of(cohort).known for cohort in (own, other)])
    target = Target("age", "regression", (), known)
    there = with_truth(describe(other), target)
    assert controls(there, [], target, "b").empty, "there is nobody to learn from"
    learned = controls(there, [with_truth(describe(own), target)], target, "b")
    assert set(learned[learned.model == "control: head size"].subject) == set(there.subject) and len(there) == 120
    table = predictions(other, target, near)
    write_tsv(table, tmp_path / "p.tsv")
    write_targets(tmp_path / "p.tsv", [target], [replace(other, learned_from=(own,))], FEW, tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv").set_index("model").loc["m"].subjects == 120


def test_a_cohort_that_lacks_the_column_has_no_rows(tmp_path):
    own, other = make_cohort(tmp_path / "a", "a"), make_cohort(tmp_path / "b", "b")
    target = target_of(own)
    write_tsv(predictions(own, target, near), tmp_path / "p.tsv")
    write_targets(tmp_path / "p.tsv", [target], [own, other], FEW, tmp_path / "out.csv")
    assert set(pd.read_csv(tmp_path / "out.csv").cohort) == {"a"}


def test_test_sessions_of_one_class_have_an_accuracy_and_no_ranking():
    rows = pd.DataFrame({"subject": ["a", "b"], "family": "", "seed": "0", "truth": "left", "predicted": "left"})
    rows["probabilities"] = ["0.1 0.6 0.3", "0.2 0.5 0.3"]
    found = score(rows, Target("hand", "classification", HANDS, pd.DataFrame()), FEW)
    assert found["accuracy"] == 1 and found["classes"] == 1 and "auroc" not in found


def test_a_target_is_read_as_it_was_written(tmp_path):
    facts = pd.DataFrame([["hand", "classification", '["both", "left", "right"]', 1, 1, 1]])
    facts.columns = ["target", "kind", "classes", "sessions", "subjects", "values"]
    write_tsv(facts, tmp_path / "facts.tsv")
    write_tsv(
        pd.DataFrame([["c", "01", "1", "hand", "left"]], columns=[*SESSION_KEY, "target", "value"]), tmp_path / "k.tsv"
    )
    target = read_target(tmp_path / "facts.tsv", tmp_path / "k.tsv")
    assert target.classes == HANDS and target.known.subject[0] == "01"

"""Controls of the sex probes: they find a confound that is there, and matched pairs take it away."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from neuroquant.config.evaluation import Statistics
from neuroquant.config.load import load_experiment, read_yaml, resolve_experiment
from neuroquant.evaluation.probe.run import permuted
from neuroquant.evaluation.probe.samples import Sample
from neuroquant.files import read_tsv, write_tsv
from neuroquant.report.pages.probes import CONTROLS, write_page
from neuroquant.statistics.intervals import auroc, cluster_statistic
from neuroquant.statistics.probes import (
    EVERYONE,
    MATCHED,
    Cohort,
    calibration_error,
    cohorts_of,
    controls,
    describe,
    matched,
    score,
    write_details,
)
from neuroquant.store.arrays import Geometry, Record

FEW = Statistics(bootstrap=200)


def make_cohort(folder, count=120, one_sex=False, site=None):
    """A cohort in which men have larger heads by a standard deviation and a half; half of them are tested.

    `site` gives the site of a person by number and sex.
    """
    generator = np.random.default_rng(0)
    sexes = ["F" if one_sex else "FM"[n % 2] for n in range(count)]
    brain = [1200 + 150 * (sex == "M") + 100 * generator.normal() for sex in sexes]
    people = pd.DataFrame({"cohort": "c", "subject": [f"s{n:03d}" for n in range(count)], "session": "1"})
    sessions = people.assign(family="", sex=sexes, age="12")
    if site:
        sessions = sessions.assign(
            age=[str(12 + n % 5) for n in range(count)], site=list(map(site, range(count), sexes))
        )
    write_tsv(sessions, folder / "sessions.tsv")
    write_tsv(people.assign(brain_ml=brain), folder / "qc.tsv")
    halves = ["train" if n < count // 2 else "test" for n in range(count)]
    write_tsv(people[["subject"]].assign(family="", sex=sexes, split=halves), folder / "splits.tsv")
    return Cohort("c", *(folder / f"{name}.tsv" for name in ("sessions", "qc", "splits")))


def by_head_size(cohort, folder):
    """A model whose probe reads head size and nothing else, and one that knows the sex."""
    facts = describe(cohort)
    test = facts[facts.split == "test"]
    rows = []
    for seed in ("0", "1"):
        for model, p in (
            ("size", 1 / (1 + np.exp((test.brain_ml - 1275) / 50))),
            ("knows", 0.1 + 0.8 * (test.sex == "F")),
        ):
            keys = test[["cohort", "subject", "session", "family", "sex"]]
            rows.append(keys.assign(modality="T1w", model=model, probe="linear", array="z 4x2x2x2", seed=seed,
                                    probability=p, predicted=np.where(p > 0.5, "F", "M")))  # fmt: skip
    write_tsv(pd.concat(rows), folder / "predictions.tsv")
    return folder / "predictions.tsv"


@pytest.fixture
def details(tmp_path):
    cohort = make_cohort(tmp_path)
    write_details(by_head_size(cohort, tmp_path), [cohort], FEW, tmp_path / "details.csv")
    return pd.read_csv(tmp_path / "details.csv").set_index(["subset", "model"])


def test_a_probe_that_lives_on_head_size_is_found_out(details):
    control = details.loc[(EVERYONE, "control: head size")]
    assert details.loc[(EVERYONE, "size")].auroc == pytest.approx(control.auroc, abs=0.02) and control.auroc > 0.75
    assert details.loc[(MATCHED, "size")].auroc < 0.65 < details.loc[(MATCHED, "knows")].auroc
    assert details.loc[(EVERYONE, "knows")].auroc == 1 and details.loc[(EVERYONE, "knows")].accuracy == 1
    assert (details.auroc_low <= details.auroc).all() and (details.auroc <= details.auroc_high).all()
    assert "control: age" not in details.index.get_level_values(1), "everybody is of one age"


def test_what_a_probe_read_stands_beside_its_numbers(details):
    assert set(details.array.fillna("").groupby("model").first()) == {"z 4x2x2x2", ""}, "controls read no array"


def test_the_gain_over_head_size_is_nothing_for_a_probe_that_reads_it_and_large_for_one_that_knows(details):
    reads, knows = (details.loc[(EVERYONE, name)] for name in ("size", "knows"))
    assert reads.auroc_gain_low <= 0 <= reads.auroc_gain_high
    assert knows.auroc_gain_low > 0.05 and knows.auroc_gain == pytest.approx(
        knows.auroc - details.loc[(EVERYONE, "control: head size")].auroc, abs=1e-5
    )
    assert (details.balanced_accuracy_low <= details.balanced_accuracy).all()
    assert knows.subject_auroc == 1 and knows.subject_balanced_accuracy == 1


def test_sites_that_scan_one_sex_more_are_found_out(tmp_path):
    """Two sites, one of women for the most part; a site that only one man has, and he is tested."""

    def site(number, sex):
        return "only here" if number == 119 else "women's" if (sex == "F") ^ (number % 10 == 0) else "other"

    cohort = make_cohort(tmp_path, site=site)
    write_details(by_head_size(cohort, tmp_path), [cohort], FEW, tmp_path / "details.csv")
    found = pd.read_csv(tmp_path / "details.csv").set_index(["subset", "model"]).auroc[EVERYONE]
    assert found["control: age and site"] > 0.75 > 0.65 > found["control: age"]


def test_two_visits_of_a_subject_are_one_subject():
    rows = [("a", "1", "F", 0.9), ("a", "2", "F", 0.2), ("b", "1", "M", 0.4), ("b", "2", "M", 0.3)]
    table = pd.DataFrame(rows, columns=["subject", "session", "sex", "probability"]).assign(family="", seed="0")
    found = score(table, FEW)
    assert found["accuracy"] == 0.75 and found["subject_accuracy"] == 1 and found["subject_auroc"] == 1
    assert found["auroc"] == 0.5 and found["sessions"] == 4 and found["subjects"] == 2


def test_pairs_are_of_both_sexes_and_close(tmp_path):
    facts = describe(make_cohort(tmp_path)).set_index(["subject", "session"], drop=False)
    facts.index.names = [None, None]
    chosen = facts.loc[sorted(matched(facts))]
    assert len(chosen) > 20 and (chosen.sex == "F").sum() == (chosen.sex == "M").sum()
    gap = chosen.groupby("sex").brain_ml.mean()
    assert abs(gap["F"] - gap["M"]) < 0.25 * facts.brain_ml.std() < facts.groupby("sex").brain_ml.mean().diff().iloc[1]


def test_the_area_and_its_interval_are_those_of_whole_resamples():
    generator = np.random.default_rng(2)
    truth, clusters = generator.random(40) < 0.5, np.repeat(np.arange(20), 2)
    guess = np.round(generator.random(40) + 0.4 * truth, 1)
    fast = auroc(truth, guess[None], clusters, FEW)
    slow = cluster_statistic(lambda rows: roc_auc_score(truth[rows], guess[rows]), clusters, FEW)
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high))


def test_the_page_says_which_controls_are_missing(tmp_path):
    from neuroquant.statistics import probes as probe_details

    assert tuple(probe_details.CONTROLS) == CONTROLS
    experiment = load_experiment("config/demo.yaml", "config")
    cohort = make_cohort(tmp_path)
    cohorts = (experiment.cohorts[0].model_copy(update={"name": "c"}), *experiment.cohorts[1:])
    table = experiment.table1.model_copy(update={"cohorts": ("c", "synthetic_b"), "models": ("sd_vae",)})
    experiment = experiment.model_copy(update={"cohorts": cohorts, "table1": table})
    write_details(by_head_size(cohort, tmp_path), [cohort], FEW, tmp_path / "details.csv")
    write_page(experiment, tmp_path / "details.csv", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "Controls left out, because they aren&#x27;t known or don&#x27;t vary here: age, age and site, head" in text
    assert "z 4x2x2x2" in text and "Chance is shown for the linear probe only" in text
    assert "Not probed, because latents or subjects are missing: " in text and "Synthetic B: nothing to rank" in text


def test_calibration_error_is_zero_where_shares_are_right_and_large_where_they_are_not():
    truth = np.array([1, 0, 0, 0, 1, 1, 1, 0] * 50)
    right = np.where(np.arange(400) % 8 < 4, 0.25, 0.75)
    assert calibration_error(truth, right) < 1e-9
    assert calibration_error(truth, 1 - right) == pytest.approx(0.5)


def test_a_cohort_of_one_sex_still_gives_a_page(tmp_path):
    cohort = make_cohort(tmp_path, one_sex=True)
    path = by_head_size(cohort, tmp_path)
    write_details(path, [cohort], FEW, tmp_path / "details.csv")
    table = pd.read_csv(tmp_path / "details.csv")
    assert table.auroc.isna().all() and not table.model.str.startswith("control").any()
    experiment = load_experiment("config/demo.yaml", "config")
    write_page(experiment, tmp_path / "details.csv", tmp_path / "page.html")
    assert "Sex could not be probed" in (tmp_path / "page.html").read_text(), "no cohort of the demo is in it"


def test_where_nothing_could_be_probed_the_table_is_empty_and_the_page_says_so(tmp_path):
    cohort = make_cohort(tmp_path, one_sex=True)
    write_tsv(pd.read_csv(by_head_size(cohort, tmp_path), sep="\t").head(0), tmp_path / "none.tsv")
    write_details(tmp_path / "none.tsv", [cohort], FEW, tmp_path / "details.csv")
    assert pd.read_csv(tmp_path / "details.csv").empty
    write_page(load_experiment("config/demo.yaml", "config"), tmp_path / "details.csv", tmp_path / "page.html")
    assert "Sex could not be probed" in (tmp_path / "page.html").read_text()


def test_labels_are_shuffled_among_subjects_so_that_visits_stay_together():
    eye = tuple(map(tuple, np.eye(4).tolist()))
    geometry = Geometry(eye, (1, 1, 1), eye, (1, 1, 1), (0, 0, 0), (0.0, 1.0))
    records = [
        Record("c", f"s{n // 2}", str(n % 2), "T1w", "train", "", "FM"[n // 2 % 2], 20.0, geometry) for n in range(40)
    ]
    y = torch.tensor([float(record.sex == "F") for record in records])
    shuffled = permuted(Sample([], y, records, ""))
    assert shuffled.sum() == y.sum() and not torch.equal(shuffled, y)
    assert torch.equal(shuffled[::2], shuffled[1::2])


def test_controls_of_an_external_cohort_learn_from_the_training_subjects_of_the_others(tmp_path):
    own, elsewhere = (make_cohort(tmp_path / name) for name in make_folders(tmp_path, "own", "elsewhere"))
    splits = read_tsv(elsewhere.splits)
    write_tsv(splits.assign(split="test"), elsewhere.splits)
    assert controls(describe(elsewhere), "c").empty, "there is nobody to learn from"
    learned = controls(describe(elsewhere), "c", describe(own))
    assert len(learned) == 120 and set(learned.model) == {"control: head size"}
    external = replace(elsewhere, learned_from=(own,))
    predictions = by_head_size(external, tmp_path)
    write_details(predictions, [external], FEW, tmp_path / "details.csv")
    table = pd.read_csv(tmp_path / "details.csv")
    assert table[table.model == "control: head size"].subjects.max() == 120
    assert table[table.model == "size"].auroc_gain.notna().all()


def make_folders(folder, *names):
    """Folders of these names."""
    for name in names:
        (folder / name).mkdir()
    return names


def test_of_an_external_cohort_probes_have_learned_from_those_that_models_train_on():
    raw = read_yaml(Path("config/demo.yaml"))
    raw["overrides"]["synthetic_b"] = {"role": "external"}
    experiment = resolve_experiment(raw, Path("config"), "demo.yaml")
    files = {
        name: {kind: Path(name, kind) for kind in ("sessions", "qc", "splits")}
        for name in ("synthetic_a", "synthetic_b")
    }
    own, external = cohorts_of(experiment, files, ["synthetic_a", "synthetic_b"])
    assert own == Cohort("synthetic_a", **files["synthetic_a"]) and own.learned_from == ()
    assert external.sessions == Path("synthetic_b/sessions") and external.learned_from == (own,)
    (alone,) = cohorts_of(experiment, {"synthetic_b": files["synthetic_b"]}, ["synthetic_b"])
    assert alone.learned_from == ()

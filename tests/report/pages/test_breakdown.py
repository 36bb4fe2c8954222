"""Agreement as it is defined, groups that add up, and no names where none may be shown."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.errors import InputError
from neuroquant.files import write_tsv
from neuroquant.report.pages.breakdown import TABLES, Sources, write_breakdown
from neuroquant.statistics.agreement import agreement, differences, icc, icc_of, structures
from neuroquant.statistics.codebook import codebook
from neuroquant.statistics.scores import ScoreFiles
from neuroquant.tables import CELLS
from tests.made_up import computed_of

SYNTHESIS = [
    "cohort", "subject", "session", "family", "modality", "source", "model", "appearance", "region", "metric", "value",
]  # fmt: skip
CODES = ["cohort", "model", "modality", "codebook", "size", "code", "tokens"]


def test_icc_is_one_for_equal_measurements_and_falls_with_bias_and_noise():
    generator = np.random.default_rng(0)
    truth = generator.normal(50, 10, 400)
    assert icc(truth, truth) == pytest.approx(1)
    noisy = truth + generator.normal(0, 10, 400)
    assert icc(truth, noisy) == pytest.approx(100 / (100 + 50), abs=0.06), "noise of one side: 100 / (100 + 100 / 2)"
    assert icc(truth, truth + 20) == pytest.approx(100 / (100 + 200), abs=0.04), "a bias counts as variance of raters"
    assert np.isnan(icc(truth[:2], truth[:2]))


def test_the_published_example_of_shrout_and_fleiss():
    """Four judges' ratings of six targets, table 2 of Shrout and Fleiss 1979; they give ICC(2,1) as 0.29."""
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert icc_of(np.array(ratings, float)) == pytest.approx(0.29, abs=0.005)
    assert icc_of(np.array(ratings, float)) == pytest.approx(0.2897638), "as R's psych has it"
    two = np.array(ratings, float)[:, :2]
    assert icc(two[:, 0], two[:, 1]) == icc_of(two)


def test_the_published_example_of_bland_and_altman():
    """Peak flow by a large and a mini meter, Bland and Altman 1986: difference -2.1, limits -79.7 and 75.5 l/min."""
    large = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
    mini = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
    rows = []
    for number, values in enumerate(zip(large, mini, strict=True)):
        facts = {
            "cohort": "c",
            "subject": str(number),
            "session": "1",
            "modality": "T1w",
            "region": "r",
            "stand_in": "",
        }
        rows += [
            {**facts, "model": model, "mm3": 1000.0 * value}
            for model, value in zip(("mine", "reference"), values, strict=True)
        ]
    found = agreement(differences(pd.DataFrame(rows))).iloc[0]
    # they take 2 standard deviations (38.8) where 1.96 are taken here
    assert found.bias_ml == pytest.approx(-2.1, abs=0.05)
    assert (found.high_ml - found.bias_ml) / 1.96 == pytest.approx(38.8, abs=0.05)


def test_bias_and_limits_are_those_of_the_differences():
    rows = []
    for number, shift in enumerate([10.0, 20.0, 30.0, 40.0]):
        facts = {"cohort": "c", "subject": str(number), "session": "1", "modality": "T1w", "region": "caudate"}
        facts["stand_in"] = ""
        rows.append({**facts, "model": "reference", "mm3": 5000.0 + 100 * number})
        rows.append({**facts, "model": "mine", "mm3": 5000.0 + 100 * number + shift})
    found = agreement(differences(pd.DataFrame(rows))).iloc[0]
    spread = 1.96 * np.std([0.01, 0.02, 0.03, 0.04], ddof=1)
    assert found.bias_ml == pytest.approx(0.025) and found.high_ml == pytest.approx(0.025 + spread)
    assert found.images == 4 and found.reference_ml == pytest.approx(5.15)


def test_structures_are_means_over_images_in_percent_with_intervals_over_subjects(experiment):
    rows = []
    for number in range(20):
        facts = {
            "cohort": "c",
            "subject": f"s{number // 2}",
            "session": str(number % 2),
            "modality": "T1w",
            "model": "m",
        }
        facts |= {"family": "", "structure": "11", "name": "left caudate", "stand_in": "", "nsd": 0.5 + number / 100}
        rows.append(facts | {"dice": 0.8 + 0.01 * (number // 2), "family": ""})
    found = structures(experiment, pd.DataFrame(rows), pd.DataFrame(columns=CELLS)).iloc[0]
    assert found.dice == pytest.approx(84.5) and found.dice_low < 84.5 < found.dice_high
    assert found.nsd == pytest.approx(59.5) and found.images == 20 and found.subjects == 10


def test_usage_and_perplexity_are_those_of_all_shards_together(tmp_path, experiment):
    columns = ["cohort", "model", "modality", "codebook", "size", "code", "tokens"]
    first = [
        ("embedded_a", "m", "T1w", 0, 8, 1, 10),
        ("embedded_a", "m", "T1w", 0, 8, 2, 10),
        ("embedded_a", "m", "T2w", 0, 8, 5, 40),
    ]
    second = [
        ("embedded_a", "m", "T1w", 0, 8, 3, 20),
        ("embedded_a", "m", "T1w", 0, 8, 2, 10),
        ("embedded_a", "m", "T1w", 0, 8, 1, 10),
    ]
    for name, rows in (("a", first), ("b", second), ("none", [])):
        write_tsv(pd.DataFrame(rows, columns=columns), tmp_path / f"{name}.tsv")
    table = codebook(experiment, [tmp_path / f"{name}.tsv" for name in ("a", "b", "none")]).set_index("modality")
    assert (
        table.loc["T1w"].used == 3 and table.loc["T1w"].perplexity == pytest.approx(3) and table.loc["T1w"].tokens == 60
    )
    assert table.loc["T2w"].perplexity == pytest.approx(1) and table.loc["T2w"].usage == 1 / 8
    share = np.array([20, 20, 20, 40]) / 100
    assert table.loc["all"].perplexity == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    assert table.stand_in.str.contains("synthetic").all()
    assert codebook(experiment, [tmp_path / "none.tsv"]).empty


def run(folder, experiment, sessions=None, synthesis=(), codes=()):
    """The page and the CSVs, of whatever tables the folder holds; two sites unless told otherwise."""
    if sessions is None:
        sessions = {}
        for cohort in ("embedded_a", "embedded_b"):
            rows = [
                {"subject": f"s{n}", "session": "1", "sex": "FM"[n % 2], "age": str(10 + n), "site": "AB"[n < 5]}
                for n in range(12)
            ]
            write_tsv(pd.DataFrame(rows), folder / f"{cohort}.sessions.tsv")
            sessions[cohort] = folder / f"{cohort}.sessions.tsv"
    for name, columns in (("synthesis", SYNTHESIS), ("codes", CODES)):
        write_tsv(pd.DataFrame({"synthesis": synthesis, "codes": codes}[name], columns=columns), folder / f"{name}.tsv")
    sources = Sources(
        ScoreFiles.in_folder(folder), folder / "apart.tsv", computed_of(folder, experiment).cells, sessions,
        [folder / "synthesis.tsv"], [folder / "codes.tsv"],
    )  # fmt: skip
    csv = {name: folder / f"{name}.csv" for name in TABLES}
    write_breakdown(experiment, sources, csv, folder / "page.html")
    return (folder / "page.html").read_text(), {name: pd.read_csv(path) for name, path in csv.items()}


@pytest.mark.parametrize("named", [False, True])
def test_the_page_names_nobody_unless_told_to(tmp_path, experiment, numbers, named):
    numbers(tmp_path, experiment)
    report = experiment.report.model_copy(update={"identifiable": named})
    text, tables = run(tmp_path, experiment.model_copy(update={"report": report}))
    assert ("s11 1" in text or "s1 1" in text) == named and ("test subject" in text) != named
    assert "worst reconstructions of NeuroQuant" in text
    groups = tables["groups"]
    assert set(groups.by) == {"sex", "age", "site"} and set(groups.group) == {
        "F",
        "M",
        "up to 15.5",
        "above 15.5",
        "A",
        "B",
    }
    for by in ("sex", "age", "site"):
        parts = groups[groups.by == by].groupby(["cohort", "model", "modality", "metric"]).subjects.sum()
        assert (parts == 12).all()
    assert {"psnr", "ssim", "dice", "accuracy", "deviation_caudate"} <= set(groups.metric)
    assert ((groups.ci_low <= groups.value) & (groups.value <= groups.ci_high)).all()
    assert "Not grouped by scanner" in text and "unknown, or the same for all" in text


def test_what_is_missing_is_said_and_the_rest_is_there(tmp_path, experiment, numbers, capsys):
    """No engine, no codebook, no synthesis, no predictions: every table that can't be made is empty."""
    numbers(tmp_path, experiment)
    (tmp_path / "dice.tsv").unlink()
    (tmp_path / "regions.tsv").write_text("")
    (tmp_path / "predictions.tsv").unlink()
    text, tables = run(tmp_path, experiment)
    assert {name for name, table in tables.items() if table.empty} == {
        "agreement",
        "structures",
        "synthesis",
        "codebook",
    }
    assert set(tables["groups"].metric) == {"psnr", "ssim"}
    for sentence in (
        "No segmentation engine was run",
        "has a codebook",
        "synthesises one modality from another",
        "No model that was run",
    ):
        assert sentence in text
    assert "missing or empty" in capsys.readouterr().err


def test_nothing_scored_at_all_still_gives_a_page(tmp_path, experiment):
    text, tables = run(tmp_path, experiment)
    assert all(table.empty for table in tables.values()) and "Nothing was scored" in text


def test_one_sex_one_cohort_and_no_site_are_no_groups(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    rows = [{"subject": f"s{n}", "session": "1", "sex": "F", "age": ""} for n in range(12)]
    write_tsv(pd.DataFrame(rows), tmp_path / "one.tsv")
    text, tables = run(tmp_path, experiment, {"embedded_a": tmp_path / "one.tsv"})
    assert tables["groups"].empty and "Not grouped by sex, age, site, scanner" in text
    assert "Synthetic B" in text and not tables["agreement"].empty, "regions are of both cohorts"


def test_a_table_without_its_key_is_refused_with_what_is_missing(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    table = pd.read_csv(tmp_path / "fidelity.tsv", sep="\t", dtype=str)
    write_tsv(table.drop(columns="region"), tmp_path / "fidelity.tsv")
    with pytest.raises(InputError, match=r"fidelity\.tsv[\s\S]*no column region"):
        run(tmp_path, experiment)


def test_synthesis_stands_beside_the_reconstruction_and_names_its_appearance(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    rows = []
    for number in range(12):
        for appearance, value in (("paired", 21.0), ("typical", 20.0), ("source", 15.0)):
            for metric, factor in (("psnr", 1.0), ("ssim", 0.01)):
                key = ("embedded_a", f"s{number}", "1", "", "T2w", "T1w", "neuroquant", appearance)
                rows += [(*key, "whole", metric, factor * (value + number % 3)), (*key, "brain", metric, 0.0)]
    codes = [("embedded_a", "neuroquant", "T1w", 0, 256, 3, 8), ("embedded_a", "neuroquant", "T2w", 0, 256, 4, 8)]
    text, tables = run(tmp_path, experiment, synthesis=rows, codes=codes)
    table = tables["synthesis"].set_index(["appearance", "metric"])
    assert (
        table.value["paired", "psnr"] == table.value["paired", "ssim"] == pytest.approx(22)
        and (table.images == 12).all()
    )
    assert "T1w to T2w" in text and "appearance of the target image itself" in text and "its own reconstruction" in text
    assert "1 (0.4 %)" in text and "2 (0.8 %)" in text

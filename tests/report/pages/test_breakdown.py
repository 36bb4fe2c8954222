"""Agreement as it is defined, groups that add up, and no names where none may be shown."""

import pandas as pd
import pytest

from neuroquant.errors import InputError
from neuroquant.files import write_tsv
from neuroquant.report.pages.breakdown import TABLES, Sources, write_breakdown
from neuroquant.statistics.scores import ScoreFiles
from neuroquant.tables import STRUCTURE_ERRORS
from tests.made_up import computed_of

SYNTHESIS = [
    "cohort", "subject", "session", "family", "modality", "source", "model", "appearance", "region", "metric", "value",
]  # fmt: skip
CODES = ["cohort", "model", "modality", "codebook", "size", "code", "tokens"]


def run(folder, experiment, sessions=None, synthesis=(), codes=()):
    """The page and the CSVs, of whatever tables the folder holds; two sites unless told otherwise."""
    if sessions is None:
        sessions = {}
        for cohort in ("synthetic_a", "synthetic_b"):
            rows = [
                {"subject": f"s{n}", "session": "1", "sex": "FM"[n % 2], "age": str(10 + n), "site": "AB"[n < 5]}
                for n in range(12)
            ]
            write_tsv(pd.DataFrame(rows), folder / f"{cohort}.sessions.tsv")
            sessions[cohort] = folder / f"{cohort}.sessions.tsv"
    for name, columns in (("synthesis", SYNTHESIS), ("codes", CODES)):
        write_tsv(pd.DataFrame({"synthesis": synthesis, "codes": codes}[name], columns=columns), folder / f"{name}.tsv")
    sources = Sources(
        ScoreFiles.in_folder(folder), folder / "apart.tsv", folder / "structure_errors.tsv",
        computed_of(folder, experiment).cells, sessions, [folder / "synthesis.tsv"], [folder / "codes.tsv"],
    )  # fmt: skip
    csv = {name: folder / f"{name}.csv" for name in TABLES}
    write_breakdown(experiment, sources, csv, folder / "page.html")
    return (folder / "page.html").read_text(), {name: pd.read_csv(path) for name, path in csv.items()}


@pytest.mark.slow
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
        "structure_errors",
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


def test_errors_by_structure_and_further_metrics_are_shown(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    table = pd.read_csv(tmp_path / "fidelity.tsv", sep="\t", dtype=str)
    blurred = table[(table.metric == "ssim") & (table.region == "whole")].assign(metric="sharpness", value="0.345")
    write_tsv(pd.concat([table, blurred]), tmp_path / "fidelity.tsv")
    errors = blurred.drop(columns=["region", "metric", "value"]).assign(stand_in="stand-in segmenter")
    parts = [("10", "left thalamus", "0.1", "26.0"), ("mean", "all structures", "0.05", "inf")]
    rows = [errors.assign(structure=s, name=n, mae=mae, psnr=psnr) for s, n, mae, psnr in parts]
    write_tsv(pd.concat(rows)[STRUCTURE_ERRORS], tmp_path / "structure_errors.tsv")
    text, tables = run(tmp_path, experiment)
    assert "<th>Sharpness (%)</th>" in text and "34.5" in text
    found = tables["structure_errors"].set_index(["structure", "cohort", "model", "modality"])
    own = found.loc[("10", "synthetic_a", "neuroquant", "T1w")]
    assert own.mae == pytest.approx(5) and own.mae_low == own.mae_high == own.mae and own.psnr == pytest.approx(26)
    assert (found.loc["mean"].psnr == float("inf")).all(), "a reconstruction that equals its original"


def test_nothing_scored_at_all_still_gives_a_page(tmp_path, experiment):
    text, tables = run(tmp_path, experiment)
    assert all(table.empty for table in tables.values()) and "Nothing was scored" in text


def test_one_sex_one_cohort_and_no_site_are_no_groups(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    rows = [{"subject": f"s{n}", "session": "1", "sex": "F", "age": ""} for n in range(12)]
    write_tsv(pd.DataFrame(rows), tmp_path / "one.tsv")
    text, tables = run(tmp_path, experiment, {"synthetic_a": tmp_path / "one.tsv"})
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
                key = ("synthetic_a", f"s{number}", "1", "", "T2w", "T1w", "neuroquant", appearance)
                rows += [(*key, "whole", metric, factor * (value + number % 3)), (*key, "brain", metric, 0.0)]
    codes = [("synthetic_a", "neuroquant", "T1w", 0, 256, 3, 8), ("synthetic_a", "neuroquant", "T2w", 0, 256, 4, 8)]
    text, tables = run(tmp_path, experiment, synthesis=rows, codes=codes)
    table = tables["synthesis"].set_index(["appearance", "metric"])
    assert (
        table.value["paired", "psnr"] == table.value["paired", "ssim"] == pytest.approx(22)
        and (table.images == 12).all()
    )
    assert "T1w to T2w" in text and "appearance of the target image itself" in text and "its own reconstruction" in text
    assert "1 (0.4 %)" in text and "2 (0.8 %)" in text

"""A run that ends well says last where the report is, and the three numbers that matter."""

from pathlib import Path

import pandas as pd
import pytest

from neuroquant.report.last_lines import last_lines

REPORT = Path("results/demo/report.html")
COLUMNS = ["cohort", "model", "modality", "metric", "value", "ci_low", "ci_high", "n_subjects", "stand_in"]
ROWS = [
    ("synthetic_a", "neuroquant", "T1w", "psnr", 23.86, 23.69, 24.0, 5, "synthetic cohort"),
    ("synthetic_a", "neuroquant", "T2w", "psnr", 21.82, None, None, 5, "synthetic cohort"),
    ("synthetic_a", "mean", "T1w", "psnr", 18.06, 17.9, 18.2, 5, "synthetic cohort"),
    ("synthetic_a", "neuroquant", "T1w", "ssim", 81.2, 80.0, 82.0, 5, "synthetic cohort"),
    ("synthetic_a", "neuroquant", "T1w", "dice", 75.7, 73.2, 79.6, 5, "stand-in segmenter; synthetic cohort"),
    ("synthetic_a", "neuroquant", "T1w", "accuracy", 62.5, 0.0, 100.0, 5, "synthetic cohort"),
]


@pytest.fixture
def said(tmp_path, experiment):
    def lines(rows):
        pd.DataFrame(rows, columns=COLUMNS).to_csv(tmp_path / "table1.csv", index=False)
        return last_lines(experiment, REPORT, tmp_path / "table1.csv").splitlines()

    return lines


def test_the_report_and_three_numbers_with_intervals_beside_the_mean_image(said):
    lines = said(ROWS)
    assert lines[2] == "report   results/demo/report.html"
    assert lines[3] == "result   NeuroQuant on 5 test subjects, Synthetic A:"
    assert lines[4] == "  PSNR     T1w 23.86 dB [23.69, 24.00] (mean image 18.06)   T2w 21.82 dB"
    assert [line.split()[0] for line in lines[4:7]] == ["PSNR", "Dice", "Accuracy"]


def test_ssim_takes_the_place_of_what_was_not_measured(said):
    lines = said([row for row in ROWS if row[3] != "dice"])
    assert [line.split()[0] for line in lines[4:7]] == ["PSNR", "Accuracy", "SSIM"]


def test_stand_ins_are_named_and_what_they_mean(said):
    assert said(ROWS)[-2] == (
        "  stand-ins: stand-in segmenter, synthetic cohort; these numbers say nothing about the paper"
    )
    assert not [line for line in said([(*row[:-1], None) for row in ROWS]) if "stand-in" in line]


def test_the_model_and_the_cohort_are_those_of_the_front_page(tmp_path, experiment):
    figure4 = experiment.figure4.model_copy(update={"models": ("vqgan", *experiment.figure4.models)})
    table1 = experiment.table1.model_copy(update={"cohorts": experiment.table1.cohorts[::-1]})
    other = experiment.model_copy(update={"figure4": figure4, "table1": table1})
    rows = [
        (cohort, model, "T1w", "psnr", value, None, None, 5, "")
        for cohort, model, value in (
            ("synthetic_a", "neuroquant", 1.0), ("synthetic_b", "neuroquant", 2.0), ("synthetic_b", "vqgan", 3.0),
        )
    ]  # fmt: skip
    pd.DataFrame(rows, columns=COLUMNS).to_csv(tmp_path / "table1.csv", index=False)
    lines = last_lines(other, REPORT, tmp_path / "table1.csv").splitlines()
    assert lines[3] == "result   VQGAN on 5 test subjects, Synthetic B:" and "T1w 3.00 dB" in lines[4]


def test_a_run_without_scores_says_so(said):
    assert said([]) == ["", "=" * 88, "report   results/demo/report.html", "         no model was scored", "=" * 88]

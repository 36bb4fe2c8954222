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


def test_a_run_without_scores_says_so(said):
    assert said([]) == ["", "=" * 88, "report   results/demo/report.html", "         no model was scored", "=" * 88]

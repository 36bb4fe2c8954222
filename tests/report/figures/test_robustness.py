"""The figure of robustness: a panel per fault, a line per model, and what the run says by it."""

import pandas as pd
import pytest

from neuroquant.config.robustness import Robustness
from neuroquant.report.figures import robustness, style
from neuroquant.report.pages.robustness import of_robustness
from neuroquant.tables import ROBUST_CELLS
from tests.made_up import experiment  # noqa: F401


@pytest.fixture
def asked(experiment):  # noqa: F811
    return experiment.model_copy(update={"robustness": Robustness(faults=("noise", "ghosting"), severities=2)})


@pytest.fixture
def cells(asked):
    rows = []
    for fault in asked.robustness.faults:
        for severity in range(3):
            value = 25.0 - severity * (fault == "noise")
            rows += [
                [asked.table1.cohorts[0], model, modality, fault, severity, metric, value, value - 1, value + 1, 5]
                for model in asked.table1.models
                for modality in asked.modalities
                for metric in ("psnr", "dice")
            ]
    return pd.DataFrame(rows, columns=ROBUST_CELLS)


def test_each_fault_has_a_panel_for_each_metric_and_modality(asked, cells, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(robustness, "save", lambda figure, *paths: drawn.append(figure))
    robustness.draw(asked, cells, asked.table1.cohorts[0], tmp_path / "f.png")
    (figure,) = drawn
    assert len(figure.axes) == 2 * 2 * len(asked.modalities)
    assert [axis.get_title() for axis in figure.axes[:2]] == ["noise", "ghosting"]
    assert len(figure.axes[0].containers) == len(asked.table1.models)
    style.plt.close(figure)


def test_the_fault_that_costs_most_is_said_with_its_values(asked, cells):
    said = of_robustness(asked, cells, asked.table1.cohorts[0])
    assert all(
        "noise costs most (25.00 dB without it, 23.00 dB at its full strength)" in text for text in said.conclusions
    )
    assert "5 test subjects" in said.count and list(said.table.columns)[-2:] == ["noise", "ghosting"]


def test_nothing_scored_is_said(asked, cells, tmp_path):
    robustness.draw(asked, cells[:0], asked.table1.cohorts[0], tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size and of_robustness(
        asked, cells[:0], asked.table1.cohorts[0]
    ).table is None

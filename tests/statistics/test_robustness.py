"""Means over subjects by fault and severity."""

import pandas as pd
import pytest

from neuroquant.config.robustness import Robustness
from neuroquant.statistics.robustness import losses, robust_cells
from neuroquant.tables import ROBUST_CELLS
from tests.made_up import experiment  # noqa: F401


@pytest.fixture
def scores():
    """Two subjects; noise costs 1 dB a step, ghosting nothing."""
    rows = []
    for subject, base in (("01", 20.0), ("02", 24.0)):
        for fault, severity, value in (
            ("", 0, base), ("noise", 1, base - 1), ("noise", 2, base - 2), ("ghosting", 1, base), ("ghosting", 2, base),
        ):  # fmt: skip
            facts = {"cohort": "synthetic_a", "subject": subject, "session": "", "family": "", "modality": "T1w"}
            rows.append(
                facts | {"fault": fault, "severity": severity, "metric": "psnr", "value": value, "model": "neuroquant"}
            )
    return pd.DataFrame(rows)


@pytest.fixture
def asked(experiment):  # noqa: F811
    return experiment.model_copy(update={"robustness": Robustness(faults=("noise", "ghosting"), severities=2)})


def test_every_fault_begins_at_the_scan_without_one(asked, scores):
    cells = robust_cells(asked, scores)
    assert list(cells.columns) == ROBUST_CELLS
    assert list(zip(cells.fault, cells.severity, cells.value, strict=True)) == [
        ("noise", 0, 22.0), ("noise", 1, 21.0), ("noise", 2, 20.0),
        ("ghosting", 0, 22.0), ("ghosting", 1, 22.0), ("ghosting", 2, 22.0),
    ]  # fmt: skip
    assert (
        (cells.n_subjects == 2).all() and (cells.ci_low <= cells.value).all() and (cells.value <= cells.ci_high).all()
    )


def test_a_loss_is_from_no_fault_to_the_highest_severity(asked, scores):
    lost = losses(robust_cells(asked, scores)).set_index("fault").loss
    assert lost.to_dict() == {"noise": 2.0, "ghosting": 0.0}


def test_nothing_scored_gives_a_table_without_rows(asked, scores):
    assert list(robust_cells(asked, scores[:0]).columns) == ROBUST_CELLS

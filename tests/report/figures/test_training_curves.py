"""Training curves show what a phase had, break where it had nothing, and mark where it began."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.files import write_tsv
from neuroquant.report.figures import training_curves
from neuroquant.report.figures.training_curves import CODES, draw, with_modes
from neuroquant.statistics.curves import curves, later_phases, read_logs

MODES = {1: "3d", 2: "2d", 3: "3d"}


@pytest.fixture
def log():
    """Ten steps on volumes, four on slices, six on volumes; the adversary is there on volumes alone."""
    steps = np.arange(1, 21)
    number = np.where(steps <= 10, 1, np.where(steps <= 14, 2, 3))
    table = pd.DataFrame({"step": steps, "phase": number, "mode": [MODES[n] for n in number], "loss": 1 / steps})
    started = (number != 2) & (steps > 5)
    return table.assign(
        adversary=np.where(number == 2, np.nan, 0.001), perplexity=np.where(started, 7.0, 0.0), usage=0.5
    ).astype({"phase": str})


def test_a_line_breaks_where_a_phase_lacks_the_term_and_nowhere_else(log):
    log = log.astype({"phase": float})
    assert [list(part.index) for part in curves(log, "adversary")] == [list(range(1, 11)), list(range(15, 21))]
    assert len(curves(log, "loss")) == 1 and curves(log, "cross") == []
    rare = log.assign(val=log.loss.where(log.step.isin([5, 10, 12, 20])))
    assert [list(part.index) for part in curves(rare, "val")] == [[5, 10, 12, 20]], (
        "scores come now and then: their line goes on through every phase that has some"
    )


def test_the_begin_of_each_later_phase_and_the_order_of_modes_are_shown(log):
    assert later_phases([log, log]) == [(10.0, "2d"), (14.0, "3d")]
    assert with_modes("A", log) == "A (3d, then 2d, then 3d)"
    assert later_phases([log.drop(columns="phase")]) == [] and with_modes("A", pd.DataFrame(columns=["step"])) == "A"


def test_the_figure_has_the_breaks_the_marks_and_no_zero_of_a_codebook_that_has_not_started(tmp_path, log, monkeypatch):
    figures = []
    monkeypatch.setattr(training_curves, "save", lambda figure, *out: figures.append(figure))
    write_tsv(log, tmp_path / "log.tsv")
    draw(read_logs({"A": tmp_path / "log.tsv"}, {"A": 0.001}), CODES, {}, [])
    panels = dict(zip(CODES, figures[0].axes, strict=True))
    lines = [line for line in panels["adversary"].lines if len(line.get_xdata()) > 2]
    assert [line.get_xdata()[0] for line in lines] == [1, 15] and np.allclose(lines[0].get_ydata(), 1)
    marks = [line.get_xdata()[0] for line in panels["adversary"].lines if line.get_color() == "0.45"]
    assert marks == [10, 14] and [text.get_text() for text in panels["adversary"].texts] == ["2d", "3d"]
    drawn = np.concatenate([line.get_ydata() for line in panels["perplexity"].lines if len(line.get_xdata()) > 2])
    assert (drawn == 7).all() and len(drawn) == 11
    assert [text.get_text() for text in panels["cross"].texts] == ["no model has it"]
    assert [text.get_text() for text in figures[0].legends[0].texts] == ["A (3d, then 2d, then 3d)"]

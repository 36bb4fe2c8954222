"""Training curves show what a phase had, break where it had nothing, and mark where it began."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.files import write_tsv
from neuroquant.report.figures import training_curves
from neuroquant.report.figures.training_curves import CODES, draw, with_modes
from neuroquant.statistics.curves import read_logs
from tests.statistics.test_curves import make_log


@pytest.fixture
def log():
    return make_log()


def test_the_legend_has_the_modes_of_each_model_in_order(log):
    assert with_modes("A", log) == "A (3d, then 2d, then 3d)"
    assert with_modes("A", pd.DataFrame(columns=["step"])) == "A"


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

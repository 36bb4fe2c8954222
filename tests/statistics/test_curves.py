"""Training curves are cut where a phase lacks the term, and long ones keep their extremes."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.statistics.curves import PIECES, curves, later_phases, thinned

MODES = {1: "3d", 2: "2d", 3: "3d"}


def make_log():
    """Ten steps on volumes, four on slices, six on volumes; the adversary is there on volumes alone."""
    steps = np.arange(1, 21)
    number = np.where(steps <= 10, 1, np.where(steps <= 14, 2, 3))
    table = pd.DataFrame({"step": steps, "phase": number, "mode": [MODES[n] for n in number], "loss": 1 / steps})
    started = (number != 2) & (steps > 5)
    return table.assign(
        adversary=np.where(number == 2, np.nan, 0.001), perplexity=np.where(started, 7.0, 0.0), usage=0.5
    ).astype({"phase": str})


@pytest.fixture
def log():
    return make_log()


def test_a_line_breaks_where_a_phase_lacks_the_term_and_nowhere_else(log):
    log = log.astype({"phase": float})
    assert [list(part.index) for part in curves(log, "adversary")] == [list(range(1, 11)), list(range(15, 21))]
    assert len(curves(log, "loss")) == 1 and curves(log, "cross") == []
    rare = log.assign(val=log.loss.where(log.step.isin([5, 10, 12, 20])))
    assert [list(part.index) for part in curves(rare, "val")] == [[5, 10, 12, 20]], (
        "scores come now and then: their line goes on through every phase that has some"
    )


def test_the_begin_of_each_later_phase_is_known_once(log):
    assert later_phases([log, log]) == [(10.0, "2d"), (14.0, "3d")]
    assert later_phases([log.drop(columns="phase")]) == []


def test_a_long_curve_keeps_its_extremes_in_order_and_a_short_one_everything():
    values = pd.Series(np.random.default_rng(0).standard_normal(2500), index=np.arange(2500) * 2)
    kept = thinned(values)
    assert kept.max() == values.max() and kept.min() == values.min() and kept.index.is_monotonic_increasing
    assert len(kept) <= 2 * PIECES and (kept == values[kept.index]).all()
    assert thinned(values[:50]).equals(values[:50])

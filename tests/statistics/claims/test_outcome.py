"""A verdict in words comes down to one kind, by which pages count, colour and filter."""

import pandas as pd
import pytest

from neuroquant.report.badges import LOOKS
from neuroquant.statistics.claims.outcome import COUNTS, KINDS, counted, kind_of, with_kinds


@pytest.mark.parametrize(
    ("counts", "kind"),
    [
        ((4, 0, 0), "holds"),
        ((3, 1, 0), "mixed"),
        ((1, 0, 2), "mixed"),
        ((0, 5, 0), "undecided"),
        ((0, 0, 1), "contradicted"),
        ((0, 3, 1), "contradicted"),
    ],
)
def test_comparisons_decide_the_kind_of_a_statement(counts, kind):
    assert kind_of("of some comparisons", dict(zip(COUNTS, counts, strict=True))) == kind


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        ("not run: the models or metrics that it compares are missing", "not run"),
        ("not runnable here: NeuroQuant compresses 4 times", "not run"),
        ("not measured in this run", "not run"),
        ("no number decides it", "no number"),
        ("can't be compared: a synthetic cohort stands in for NCANDA", "not comparable"),
        ("inside our prediction interval", "inside"),
        ("outside: published lower than expected from ours", "outside"),
        ("undecided: no interval with a single subject or family", "undecided"),
    ],
)
def test_without_comparisons_the_words_decide(verdict, kind):
    assert kind_of(verdict) == kind == kind_of(verdict, dict.fromkeys(COUNTS, float("nan")))


def test_every_kind_has_a_badge_and_a_meaning_and_no_icon_serves_two_colours():
    assert set(LOOKS) == set(KINDS)
    styles = {}
    for icon, style in LOOKS.values():
        assert styles.setdefault(icon, style) == style


def test_a_stand_in_is_a_mark_of_its_own_and_lines_are_counted_by_kind():
    words = "holds in all 2 comparisons"
    verdicts = [f"{words} (on a synthetic cohort, which says nothing about X) (by a stand-in, not by SynthSeg)", words]
    table = pd.DataFrame({"verdict": verdicts, "holds": 2, "undecided": 0, "contradicted": 0})
    told = with_kinds(table)
    assert told.stand_in.tolist() == [True, False] and set(told.words) == {words}
    assert counted(told) == {"holds": 2}

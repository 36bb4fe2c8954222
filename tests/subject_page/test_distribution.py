"""Percentiles, outliers and the strip say where a session lies in its cohort."""

import re

import numpy as np
import pytest

from neuroquant.subject_page.distribution import EDGE, WIDTH, place_of, shown, strip, words


@pytest.mark.parametrize(
    "value, others, percentile",
    [(3, [1, 2, 3, 4, 5], 50), (0, [1, 2, 3], 0), (9, [1, 2, 3], 100), (2, [1, 2, 2, 3], 50), (2.5, [1, 2, 3, 4], 50)],
)
def test_the_percentile_counts_lower_values_and_half_of_equal_ones(value, others, percentile):
    assert place_of(value, others).percentile == percentile


def test_values_that_are_no_numbers_count_neither_as_lower_nor_as_higher():
    place = place_of(2, [1, float("nan"), 3, float("inf")])
    assert place.percentile == 50 and len(place.others) == 2 and words(place) == "percentile 50, n = 2"
    assert place_of(float("nan"), [1, 2]).percentile is None and words(place_of(float("nan"), [1])) == "not measured"
    assert words(place_of(1, [])) == "no values of a cohort" and strip("x", place_of(1, [])) == ""


def test_a_value_stands_out_by_the_rule_of_the_cohorts_qc_table():
    usual = list(np.random.default_rng(0).normal(1300, 80, 60))
    assert place_of(2100, usual).stands_out and not place_of(1400, usual).stands_out
    assert not place_of(5, [1.0] * 20).stands_out, "of constant values nothing does"


def test_the_mark_stands_where_the_value_lies():
    def mark(value, others):
        return float(re.search(r'class="own" d="M([\d.]+) ', strip("x", place_of(value, others)))[1])

    low, high = EDGE, WIDTH - EDGE
    assert mark(0, [0, 10]) == low and mark(10, [0, 10]) == high and mark(5, [0, 10]) == (low + high) / 2
    assert mark(20, [0, 10]) == high, "one outside of the cohort's range widens it"
    assert mark(1, [1, 1]) == WIDTH / 2


def test_a_strip_of_many_values_stays_small_and_says_what_it_shows():
    drawn = strip('a "<name>"', place_of(0.5, list(np.random.default_rng(0).uniform(size=20_000))))
    assert len(drawn) < 5000 and 'aria-label="a &quot;&lt;name&gt;&quot; 0.5000: percentile 5' in drawn


def test_numbers_have_four_digits():
    assert [shown(x) for x in (31, 0.61, 1135.4, 123456, 0, -0.5, float("nan"))] == [
        "31.00", "0.6100", "1135", "123456", "0", "-0.5000", "–",
    ]  # fmt: skip

"""Tests count a subject once and are those of the textbooks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats
from statsmodels.stats.multitest import multipletests

from neuroquant.statistics.tests import effect_size, holm, independent_test, paired_test
from tests.statistics.test_intervals import clustered


def test_the_paired_test_keeps_its_level_and_finds_a_difference():
    generator = np.random.default_rng(3)
    rejected = 0
    for _ in range(300):
        values, clusters = clustered(generator)
        noise = generator.normal(size=60)[clusters]
        rejected += paired_test(values, values + 0.5 * noise, clusters) < 0.05
    assert rejected / 300 < 0.09
    values, clusters = clustered(generator)
    assert paired_test(values + 0.2 + 0.1 * generator.normal(size=len(values)), values, clusters) < 0.001
    assert paired_test(values, values, clusters) == 1


def test_holm_is_the_textbooks():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, np.nan]), [0.03, 0.06, 0.06, np.nan])


@settings(max_examples=15, deadline=None)
@given(npst.arrays(float, st.integers(1, 12), elements=st.floats(0, 1)))
def test_holm_is_that_of_statsmodels(p):
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], atol=1e-12)


def test_the_paired_test_is_wilcoxons_on_the_example_of_his_textbook():
    """Heights of Darwin's 15 pairs of plants, the example of SciPy's documentation, after Hollander and Wolfe."""
    difference = np.array([6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75.0])
    p = paired_test(difference, np.zeros(15), np.arange(15))
    assert p == pytest.approx(0.041259765625)
    twice = paired_test(np.repeat(difference, 2), np.zeros(30), np.repeat(np.arange(15), 2))
    ties = np.append(difference, [0.0, 0.0])
    pratt = stats.wilcoxon(ties, zero_method="pratt").pvalue
    assert pratt != stats.wilcoxon(ties, zero_method="wilcox").pvalue
    assert paired_test(ties, np.zeros(17), np.arange(17)) == pytest.approx(pratt), "subjects without a difference count"
    assert twice == pytest.approx(p), "a second visit that says the same is no further evidence"


def test_the_effect_size_is_the_mean_difference_in_standard_deviations_over_clusters():
    generator = np.random.default_rng(4)
    values, clusters = clustered(generator, 4000)
    shifted = values + (0.5 + generator.normal(size=4000))[clusters]
    assert effect_size(shifted, values, clusters) == pytest.approx(0.5, abs=0.05)
    assert effect_size(values, shifted, clusters) == pytest.approx(-effect_size(shifted, values, clusters))
    assert effect_size([1.0, 2.0, 6.0], [0.0, 0.0, 0.0], list("abc")) == pytest.approx(3 / np.sqrt(7))
    assert effect_size(values, values, clusters) == 0 and effect_size(values + 1, values, clusters) == np.inf
    assert np.isnan(effect_size([1.0], [0.0], ["s"]))


def test_the_test_of_independent_means_is_welchs():
    """Two samples of unlike size and spread; t and its degrees of freedom after Welch (1947)."""
    a, b = [16.0, 18, 20, 22, 24], [21.0, 22, 23]
    t = (20 - 22) / np.sqrt(10 / 5 + 1 / 3)
    freedom = (10 / 5 + 1 / 3) ** 2 / ((10 / 5) ** 2 / 4 + (1 / 3) ** 2 / 2)
    assert independent_test(a, b) == pytest.approx(2 * stats.t.sf(abs(t), freedom))
    assert independent_test(b, a) == pytest.approx(independent_test(a, b))


def test_means_that_do_not_vary_or_stand_alone_are_not_tested():
    assert np.isnan(independent_test([1.0, 1.0], [2.0, 2.0])) and np.isnan(independent_test([1.0], [2.0, 3.0]))

"""Intervals and tests count a subject once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats
from statsmodels.stats.multitest import multipletests

from neuroquant.config.evaluation import Statistics
from neuroquant.statistics.intervals import (
    around,
    auroc,
    cluster_bootstrap,
    cluster_statistic,
    clusters_of,
    effect_size,
    holm,
    independent_test,
    pair_draws,
    paired_test,
    predictive,
    resamples,
)


def clustered(generator, subjects=60):
    """Values of 1 to 4 visits a subject that share the subject's own effect."""
    clusters = np.repeat(np.arange(subjects), generator.integers(1, 5, subjects))
    return generator.normal(size=subjects)[clusters] + 0.3 * generator.normal(size=len(clusters)), clusters


@pytest.mark.parametrize("subjects", [12, 60])
def test_95_percent_intervals_cover_in_93_to_97_percent_of_simulations(subjects):
    generator = np.random.default_rng(0)
    covered = 0
    for number in range(1000):
        values, clusters = clustered(generator, subjects)
        interval = cluster_bootstrap(values, clusters, Statistics(bootstrap=400, seed=number))
        covered += interval.low <= 0 <= interval.high
    assert 930 <= covered <= 970


def test_intervals_of_numbers_that_belong_to_two_subjects_each_cover_too():
    """Each pair's number is a sum of its two subjects' own; its mean varies as twice the mean over subjects."""
    generator, covered, subjects = np.random.default_rng(0), 0, 20
    first, second = np.triu_indices(subjects, 1)
    for number in range(400):
        own, settings = generator.normal(size=subjects), Statistics(bootstrap=300, seed=number)
        values = own[first] + own[second] + 0.3 * generator.normal(size=len(first))
        value, draws = pair_draws(values, first, second, subjects, settings)
        assert value == pytest.approx(values.mean())
        interval = around(value, draws, subjects, settings)
        covered += interval.low <= 0 <= interval.high
    assert 368 <= covered <= 392


def test_intervals_of_an_area_under_the_curve_cover_too():
    """Scores of 40 to 60 subjects' visits with a known AUROC: P(woman's score > man's), 0.76."""
    generator, truth, covered = np.random.default_rng(1), stats.norm.cdf(1 / np.sqrt(2)), 0
    for number in range(1000):
        own, clusters = clustered(generator, 50)
        women = (np.arange(50) % 2 == 0)[clusters]
        guesses = (own / np.sqrt(1.09) + women)[None]  # unit variance within a sex: 1 of subjects, 0.09 of visits
        interval = auroc(women, guesses, clusters, Statistics(bootstrap=300, seed=number))
        covered += interval.low <= truth <= interval.high
    assert 930 <= covered <= 970


def test_a_family_counts_once_and_a_subject_where_none_is_known():
    table = pd.DataFrame({"family": ["f", "f", "", ""], "subject": ["a", "b", "c", "d"]})
    assert clusters_of(table).tolist() == ["f", "f", "c", "d"]


def test_one_family_alone_gives_a_mean_and_no_interval():
    found = cluster_bootstrap([1.0, 3.0], ["a", "a"], Statistics(bootstrap=100))
    assert found.value == 2 and np.isnan(found.low) and np.isnan(found.high) and found.n_clusters == 1


def test_an_interval_over_sessions_would_be_too_narrow():
    values, clusters = clustered(np.random.default_rng(1), 200)
    whole = cluster_bootstrap(values, clusters, Statistics())
    naive = cluster_bootstrap(values, np.arange(len(values)), Statistics())
    assert whole.high - whole.low > 1.2 * (naive.high - naive.low)
    assert whole.n_clusters == 200 and whole.low <= whole.value <= whole.high


def test_a_statistic_that_is_a_mean_agrees_with_the_bootstrap_of_means():
    values, clusters = clustered(np.random.default_rng(2))
    settings = Statistics(bootstrap=500)
    a = cluster_bootstrap(values, clusters, settings)
    b = cluster_statistic(lambda rows: values[rows].mean(), clusters, settings)
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))


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
    assert twice == pytest.approx(p), "a second visit that says the same is no further evidence"


def test_differences_over_the_same_clusters_are_resampled_together():
    values, clusters = clustered(np.random.default_rng(5))
    shift = cluster_bootstrap((values + 1) - values, clusters, Statistics(bootstrap=200))
    assert shift.low == pytest.approx(1) and shift.high == pytest.approx(1)
    with pytest.raises(ValueError, match="read-only"):
        resamples(60, Statistics(bootstrap=200))[0, 0] = 5


def test_the_effect_size_is_the_mean_difference_in_standard_deviations_over_clusters():
    generator = np.random.default_rng(4)
    values, clusters = clustered(generator, 4000)
    shifted = values + (0.5 + generator.normal(size=4000))[clusters]
    assert effect_size(shifted, values, clusters) == pytest.approx(0.5, abs=0.05)
    assert effect_size(values, shifted, clusters) == pytest.approx(-effect_size(shifted, values, clusters))
    assert effect_size(values, values, clusters) == 0 and effect_size(values + 1, values, clusters) == np.inf
    assert np.isnan(effect_size([1.0], [0.0], ["s"]))


@pytest.mark.parametrize("others", [15, 60, 600])
def test_a_prediction_interval_covers_the_mean_of_other_subjects_and_the_interval_alone_does_not(others):
    """With ten times as many others, whose mean hardly errs, both come near the same."""
    generator, subjects, inside, plain = np.random.default_rng(6), 60, 0, 0
    for number in range(600):
        ours, theirs = generator.normal(size=subjects), generator.normal(size=others).mean()
        interval = cluster_bootstrap(ours, np.arange(subjects), Statistics(bootstrap=300, seed=number))
        expected = predictive(interval, subjects, others)
        assert expected.low <= interval.low <= interval.value <= interval.high <= expected.high
        inside += expected.low <= theirs <= expected.high
        plain += interval.low <= theirs <= interval.high
    assert 0.92 <= inside / 600 <= 0.97
    assert plain / 600 < {15: 0.70, 60: 0.87, 600: 0.95}[others]


def test_the_test_of_independent_means_is_welchs():
    """Two samples of unlike size and spread; t and its degrees of freedom after Welch (1947)."""
    a, b = [16.0, 18, 20, 22, 24], [21.0, 22, 23]
    t = (20 - 22) / np.sqrt(10 / 5 + 1 / 3)
    freedom = (10 / 5 + 1 / 3) ** 2 / ((10 / 5) ** 2 / 4 + (1 / 3) ** 2 / 2)
    assert independent_test(a, b) == pytest.approx(2 * stats.t.sf(abs(t), freedom))
    assert independent_test(b, a) == pytest.approx(independent_test(a, b))


def test_means_that_do_not_vary_or_stand_alone_are_not_tested():
    assert np.isnan(independent_test([1.0, 1.0], [2.0, 2.0])) and np.isnan(independent_test([1.0], [2.0, 3.0]))

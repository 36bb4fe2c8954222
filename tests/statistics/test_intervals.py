"""Intervals count a subject once."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from neuroquant.config.evaluation import Statistics
from neuroquant.statistics.intervals import (
    around,
    auroc,
    cluster_bootstrap,
    cluster_statistic,
    pair_draws,
    predictive,
    resamples,
)
from neuroquant.tables import family_of


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
    assert family_of(table).tolist() == ["f", "f", "c", "d"]


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
    own = {name: values[clusters == name].mean() for name in clusters}
    sizes = {name: (clusters == name).sum() for name in clusters}
    weights, means = (np.array([each[name] for name in clusters]) for each in (sizes, own))
    b = cluster_statistic(lambda rows: np.average(means[rows], weights=1 / weights[rows]), clusters, settings)
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))


def test_differences_over_the_same_clusters_are_resampled_together():
    values, clusters = clustered(np.random.default_rng(5))
    shift = cluster_bootstrap((values + 1) - values, clusters, Statistics(bootstrap=200))
    assert shift.low == pytest.approx(1) and shift.high == pytest.approx(1)
    with pytest.raises(ValueError, match="read-only"):
        resamples(60, Statistics(bootstrap=200))[0, 0] = 5


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

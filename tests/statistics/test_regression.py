"""R2 and correlation with intervals are those of whole resamples."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from neuroquant.config.evaluation import Statistics
from neuroquant.statistics.intervals import around, cluster_statistic
from neuroquant.statistics.regression import correlation, r2_draws

FEW = Statistics(bootstrap=200)


@pytest.fixture
def made_up():
    generator = np.random.default_rng(5)
    truth = 1000 + 10 * generator.normal(size=60)
    return truth, truth + 5 * generator.normal(size=60), np.repeat(np.arange(20), 3)


def test_r2_and_its_interval_are_those_of_whole_resamples(made_up):
    truth, guess, clusters = made_up
    fast = around(*r2_draws(truth, guess[None], clusters, FEW), FEW)
    slow = cluster_statistic(lambda rows: r2_score(truth[rows], guess[rows]), clusters, FEW)
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high), abs=1e-6)
    assert fast.n_clusters == 20 and 0.5 < fast.low < fast.value < fast.high < 1


def test_the_correlation_and_its_interval_are_those_of_whole_resamples(made_up):
    truth, guess, clusters = made_up
    fast = correlation(truth, guess[None], clusters, FEW)
    slow = cluster_statistic(lambda rows: pearsonr(truth[rows], guess[rows]).statistic, clusters, FEW)
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high), abs=1e-6)


def test_seeds_are_averaged_and_one_that_says_nothing_has_no_correlation(made_up):
    truth, guess, clusters = made_up
    mean = np.full_like(truth, truth.mean())
    both = r2_draws(truth, np.stack([guess, mean]), clusters, FEW)[0]
    assert both == pytest.approx((r2_score(truth, guess) + 0) / 2, abs=1e-6)
    assert np.isnan(correlation(truth, mean[None], clusters, FEW).value)
    assert correlation(truth, (-truth)[None], clusters, FEW).value == pytest.approx(-1)

"""Several trainings of a model are one model in tables: their means count alike, and seeds are a source of variance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neuroquant.config.evaluation import Statistics
from neuroquant.statistics.agreement import errors_by_structure, repeated, structures
from neuroquant.statistics.intervals import cluster_bootstrap
from neuroquant.statistics.pairing import pairs, seeds_of
from neuroquant.statistics.runner_up import compared
from neuroquant.statistics.trainings import Source, averaged, critical, crossed, interval_of, seed_sources
from neuroquant.tables import CELLS

STATISTICS = Statistics()


def scores(values, visits=1):
    """Scores (subjects, seeds), the same at every visit."""
    rows = [
        {
            "subject": f"s{subject}",
            "session": str(visit),
            "cluster": f"s{subject}",
            "training": seed,
            "value": v,
        }
        for subject, row in enumerate(values)
        for seed, v in enumerate(row)
        for visit in range(visits)
    ]
    return pd.DataFrame(rows)


def drawn(generator, subjects, seeds, spread, noise=0.3):
    """Scores of mean 0 whose subjects have a standard deviation of 1, and seeds one of `spread`."""
    parts = generator.normal(size=(subjects, 1)), generator.normal(scale=spread, size=(1, seeds))
    return sum(parts) + generator.normal(scale=noise, size=(subjects, seeds))


def test_the_interval_of_a_share_ends_at_nothing_and_at_all():
    values = np.array([[100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])
    free = interval_of(scores(values), STATISTICS)
    assert free.low < 0 and free.high > 100
    share = interval_of(scores(values).assign(metric="accuracy"), STATISTICS)
    assert (share.low, share.high, share.value) == (0.0, 100.0, free.value)
    assert interval_of(scores(values).assign(metric="psnr"), STATISTICS) == free


def test_structures_are_means_over_trainings_and_count_each_image_once(experiment):
    base = next(entry for entry in experiment.models if entry.name == "neuroquant")
    second = base.model_copy(
        update={"name": "neuroquant_seed1", "label": "", "full_label": "", "ablation_of": "", "replicate_of": base.name}
    )
    both = experiment.model_copy(update={"models": (*experiment.models, second)})
    facts = {"cohort": "synthetic_a", "session": "1", "family": "", "modality": "T1w", "stand_in": "", "psnr": 20.0}
    facts |= {"structure": "11", "name": "left caudate"}
    rows = [
        facts | {"subject": f"s{number}", "model": model, "dice": dice, "nsd": dice, "mae": dice}
        for model, dice in (("neuroquant", 0.6), ("neuroquant_seed1", 0.8))
        for number in range(4)
    ]
    (found,) = structures(both, pd.DataFrame(rows), pd.DataFrame(columns=CELLS)).itertuples()
    assert (found.model, found.images, found.subjects) == ("neuroquant", 4, 4) and found.dice == pytest.approx(70)
    (error,) = errors_by_structure(both, pd.DataFrame(rows)).itertuples()
    assert (error.images, error.subjects) == (4, 4) and error.mae == pytest.approx(35) and error.psnr == 20


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3, 1.0, 3.0])
@pytest.mark.parametrize(("seeds", "most"), [(2, 0.98), (3, 0.975), (5, 0.975)])
def test_the_interval_over_subjects_and_seeds_covers_the_mean(seeds, most, spread):
    generator = np.random.default_rng([seeds, round(10 * spread)])
    inside, repeats = 0, 2000
    for _ in range(repeats):
        values = drawn(generator, 20, seeds, spread)
        sources = [Source.of(values.mean(1)), Source.of(values.mean(0))]
        error = sum(source.variance for source in sources) ** 0.5
        inside += abs(values.mean()) <= error * critical(sources, 0.05)
    assert 0.93 <= inside / repeats <= most


@given(st.floats(0.01, 100), st.integers(1, 30), st.integers(1, 4), st.floats(0.0, 1000))
def test_a_p_value_is_that_of_the_interval_that_just_reaches_zero(variance, subjects, seeds, value):
    sources = [Source(1.0, subjects), Source(variance, seeds)]
    interval, p = crossed(value, sources, 0.95)
    assert 0 <= p <= 1 and (interval.low > 0) == (p < 0.05)
    if 1e-8 < p < 0.999:
        assert crossed(value, sources, 1 - p)[0].low == pytest.approx(0, abs=1e-5 * value + 1e-9)


def test_nothing_is_said_where_a_mean_or_its_error_is_not_known_and_tiny_variances_are_no_zeros():
    for value, variance in ((np.nan, 1.0), (1.0, np.nan)):
        interval, p = crossed(value, [Source(variance, 4), Source(0.1, 1)], 0.95)
        assert np.isnan([interval.low, interval.high, p]).all()
    tiny = [Source(1e-220, 19), Source(1e-221, 1)]
    usual = [Source(1.0, 19), Source(0.1, 1)]
    assert critical(tiny, 0.05) == pytest.approx(critical(usual, 0.05))


@pytest.mark.parametrize("freedom", [1, 2, 19, 500])
@pytest.mark.parametrize("ratio", [0.0, 0.5, 2.0, 30.0])
def test_with_one_source_interval_and_p_value_are_students(freedom, ratio):
    interval, p = crossed(ratio, [Source(1.0, freedom)], 0.9)
    assert p == pytest.approx(2 * stats.t.sf(ratio, freedom), rel=1e-8)
    assert ratio - interval.low == pytest.approx(stats.t.isf(0.05, freedom))


def test_the_interval_of_scores_is_that_of_their_means_over_subjects_and_seeds():
    values = drawn(np.random.default_rng(0), 12, 3, 0.5)
    expected, _ = crossed(float(values.mean()), [Source.of(values.mean(1)), Source.of(values.mean(0))], 0.95)
    interval = interval_of(scores(values, visits=2), STATISTICS)
    assert interval.value == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_seeds_that_disagree_widen_an_interval_and_undo_a_lead():
    values = drawn(np.random.default_rng(0), 30, 1, 0.0)
    alike = scores(values + [[0.5, 0.5, 0.5]])
    apart = scores(values + [[-1.0, 0.5, 2.0]])
    other = scores(values + 0.05 * drawn(np.random.default_rng(1), 30, 1, 0.0))
    p = []
    for own in (alike, apart):
        both = pairs(own, other)
        p.append(compared(both, seeds_of(own, other, both), STATISTICS)["p"])
    assert p[0] < 1e-6 and p[1] > 0.1


def test_one_training_has_the_interval_over_subjects_alone():
    own = scores(drawn(np.random.default_rng(0), 12, 1, 0.0))
    assert seed_sources(own) == []
    assert interval_of(own, STATISTICS) == cluster_bootstrap(own["value"], own["cluster"], STATISTICS)


def test_a_session_that_one_training_lacks_is_left_out():
    own = scores([[1.0, 3.0], [2.0, 4.0], [9.0, 9.0]]).drop(index=5)
    assert averaged(own)["value"].tolist() == [2.0, 3.0]


def test_a_subject_with_many_visits_weighs_no_more_than_another():
    own = pd.concat([scores([[1.0]], visits=9), scores([[1.0], [3.0]]).iloc[1:]])
    assert interval_of(own, STATISTICS).value == 2.0


def test_limits_of_agreement_add_the_variance_between_and_within_subjects():
    """By hand: three subjects with two differences each; mean squares 0.02 within and 8 between."""
    bias, deviation = repeated([0.9, 1.1, 2.9, 3.1, 4.9, 5.1], ["a", "a", "b", "b", "c", "c"])
    assert bias == pytest.approx(3)
    assert deviation**2 == pytest.approx(0.02 + (8 - 0.02) / 2)


def test_limits_of_agreement_without_repeated_visits_are_the_plain_ones():
    differences = [0.3, -0.1, 0.8, 0.2]
    assert repeated(differences, list("abcd")) == pytest.approx((np.mean(differences), np.std(differences, ddof=1)))
    assert np.isnan(repeated([1.0, 2.0], ["a", "a"])[1])

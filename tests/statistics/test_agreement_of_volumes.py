"""Bias, limits of agreement and ICC of regional volumes are those of the literature's examples."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.statistics.agreement import agreement, differences, distributions, icc, icc_of, structures
from neuroquant.tables import CELLS


def test_icc_is_one_for_equal_measurements_and_falls_with_bias_and_noise():
    generator = np.random.default_rng(0)
    truth = generator.normal(50, 10, 400)
    assert icc(truth, truth) == pytest.approx(1)
    noisy = truth + generator.normal(0, 10, 400)
    assert icc(truth, noisy) == pytest.approx(100 / (100 + 50), abs=0.06), "noise of one side: 100 / (100 + 100 / 2)"
    assert icc(truth, truth + 20) == pytest.approx(100 / (100 + 200), abs=0.04), "a bias counts as variance of raters"
    assert np.isnan(icc(truth[:2], truth[:2]))


def test_the_published_example_of_shrout_and_fleiss():
    """Four judges' ratings of six targets, table 2 of Shrout and Fleiss 1979; they give ICC(2,1) as 0.29."""
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert icc_of(np.array(ratings, float)) == pytest.approx(0.29, abs=0.005)
    assert icc_of(np.array(ratings, float)) == pytest.approx(0.2897638), "as R's psych has it"
    two = np.array(ratings, float)[:, :2]
    assert icc(two[:, 0], two[:, 1]) == icc_of(two)


def test_the_published_example_of_bland_and_altman():
    """Peak flow by a large and a mini meter, Bland and Altman 1986: difference -2.1, limits -79.7 and 75.5 l/min."""
    large = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
    mini = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
    rows = []
    for number, values in enumerate(zip(large, mini, strict=True)):
        facts = {
            "cohort": "c",
            "subject": str(number),
            "session": "1",
            "modality": "T1w",
            "region": "r",
            "stand_in": "",
        }
        rows += [
            {**facts, "model": model, "mm3": 1000.0 * value}
            for model, value in zip(("mine", "reference"), values, strict=True)
        ]
    found = agreement(differences(pd.DataFrame(rows))).iloc[0]
    # they take 2 standard deviations (38.8) where 1.96 are taken here
    assert found.bias_ml == pytest.approx(-2.1, abs=0.05)
    assert (found.high_ml - found.bias_ml) / 1.96 == pytest.approx(38.8, abs=0.05)


def test_bias_and_limits_are_those_of_the_differences():
    rows = []
    for number, shift in enumerate([10.0, 20.0, 30.0, 40.0]):
        facts = {"cohort": "c", "subject": str(number), "session": "1", "modality": "T1w", "region": "caudate"}
        facts["stand_in"] = ""
        rows.append({**facts, "model": "reference", "mm3": 5000.0 + 100 * number})
        rows.append({**facts, "model": "mine", "mm3": 5000.0 + 100 * number + shift})
    found = agreement(differences(pd.DataFrame(rows))).iloc[0]
    spread = 1.96 * np.std([0.01, 0.02, 0.03, 0.04], ddof=1)
    assert found.bias_ml == pytest.approx(0.025) and found.high_ml == pytest.approx(0.025 + spread)
    assert found.images == 4 and found.reference_ml == pytest.approx(5.15)


def test_structures_are_means_over_images_in_percent_with_intervals_over_subjects(experiment):
    rows = []
    for number in range(20):
        facts = {
            "cohort": "c",
            "subject": f"s{number // 2}",
            "session": str(number % 2),
            "modality": "T1w",
            "model": "m",
        }
        facts |= {"family": "", "structure": "11", "name": "left caudate", "stand_in": "", "nsd": 0.5 + number / 100}
        rows.append(facts | {"dice": 0.8 + 0.01 * (number // 2), "family": ""})
    found = structures(experiment, pd.DataFrame(rows), pd.DataFrame(columns=CELLS)).iloc[0]
    assert found.dice == pytest.approx(84.5) and found.dice_low < 84.5 < found.dice_high
    assert found.nsd == pytest.approx(59.5) and found.images == 20 and found.subjects == 10


def volumes(**mm3):
    """Volumes of one region by (model_modality); reference among the models."""
    rows = []
    for name, values in mm3.items():
        model, modality = name.split("_")
        for number, value in enumerate(values):
            facts = {"cohort": "c", "subject": f"s{number}", "session": "1", "modality": modality, "region": "r"}
            rows.append({**facts, "model": model, "mm3": value, "stand_in": ""})
    return pd.DataFrame(rows)


def test_limits_are_those_of_a_modalitys_images_each_beside_its_own_original():
    table = volumes(
        reference_T1w=[1000.0, 2000.0], m_T1w=[1010.0, 2020.0], reference_T2w=[5000.0, 6000.0], m_T2w=[5030.0, 6040.0]
    )
    both = differences(table)
    assert len(both) == 4 and sorted(both.difference_ml.round(6)) == [0.01, 0.02, 0.03, 0.04]
    first, second = agreement(both).itertuples()
    spread = 1.96 * np.std([0.01, 0.02], ddof=1)
    assert first.images == 2 and first.bias_ml == pytest.approx(0.015)
    assert first.high_ml == pytest.approx(0.015 + spread) and second.bias_ml == pytest.approx(0.035)


def test_boxes_are_quartiles_and_whiskers_end_at_the_last_image_within_reach():
    (box,) = distributions(volumes(m_T1w=[1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 20000.0])).itertuples()
    assert (box.q1, box.med, box.q3) == (2.25, 3.5, 4.75)
    assert (box.whislo, box.whishi) == (1.0, 5.0), "20 ml lie beyond 1.5 interquartile ranges"

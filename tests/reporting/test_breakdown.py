"""Agreement as it is defined, groups that add up, and no names where none may be shown."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.files import write_tsv
from neuroquant.reporting.breakdown import agreement, icc, write_breakdown


def test_icc_is_one_for_equal_measurements_and_falls_with_bias_and_noise():
    generator = np.random.default_rng(0)
    truth = generator.normal(50, 10, 400)
    assert icc(truth, truth) == pytest.approx(1)
    noisy = truth + generator.normal(0, 10, 400)
    assert icc(truth, noisy) == pytest.approx(100 / (100 + 50), abs=0.06), "noise of one side: 100 / (100 + 100 / 2)"
    assert icc(truth, truth + 20) == pytest.approx(100 / (100 + 200), abs=0.04), "a bias counts as variance of raters"
    assert np.isnan(icc(truth[:2], truth[:2]))


def test_the_published_example_of_shrout_and_fleiss():
    """Ratings 1 and 2 of six targets in Shrout and Fleiss 1979, table 2, by the formula's own sums of squares."""
    one, two = np.array([9, 6, 8, 7, 10, 6.0]), np.array([2, 1, 4, 1, 5, 2.0])
    values = np.stack([one, two], 1)
    rows = 2 * values.mean(1).var(ddof=1)
    columns = 6 * values.mean(0).var(ddof=1)
    total = ((values - values.mean()) ** 2).sum()
    rest = (total - 5 * rows - columns) / 5
    assert icc(one, two) == pytest.approx((rows - rest) / (rows + rest + 2 * (columns - rest) / 6))


def test_bias_and_limits_are_those_of_the_differences():
    rows = []
    for number, shift in enumerate([10.0, 20.0, 30.0, 40.0]):
        facts = {"cohort": "c", "subject": str(number), "session": "1", "modality": "T1w", "region": "caudate"}
        rows.append({**facts, "model": "reference", "mm3": 5000.0 + 100 * number})
        rows.append({**facts, "model": "mine", "mm3": 5000.0 + 100 * number + shift})
    found = agreement(pd.DataFrame(rows)).iloc[0]
    spread = 1.96 * np.std([0.01, 0.02, 0.03, 0.04], ddof=1)
    assert found.bias_ml == pytest.approx(0.025) and found.high_ml == pytest.approx(0.025 + spread)
    assert found.images == 4 and found.reference_ml == pytest.approx(5.15)


@pytest.mark.parametrize("named", [False, True])
def test_the_page_names_nobody_unless_told_to(tmp_path, experiment, numbers, named):
    numbers(tmp_path, experiment)
    report = experiment.report.model_copy(update={"identifiable": named})
    experiment = experiment.model_copy(update={"report": report})
    sessions = {}
    for cohort in ("embedded_a", "embedded_b"):
        rows = [{"subject": f"s{n}", "session": "1", "sex": "FM"[n % 2], "age": str(10 + n)} for n in range(12)]
        write_tsv(pd.DataFrame(rows), tmp_path / f"{cohort}.tsv")
        sessions[cohort] = tmp_path / f"{cohort}.tsv"
    out = [tmp_path / name for name in ("agreement.csv", "groups.csv")]
    files = (tmp_path / "regions.tsv", tmp_path / "fidelity.tsv")
    write_breakdown(experiment, *files, sessions, out, tmp_path / "page.html")
    groups = pd.read_csv(out[1])
    assert set(groups.group) == {"sex F", "sex M", "age up to 15.5", "age above 15.5"}
    parts = groups[groups.group.str.startswith("sex")].groupby(["cohort", "model", "modality"]).subjects.sum()
    assert (parts == 12).all() and ((groups.psnr_low <= groups.psnr) & (groups.psnr <= groups.psnr_high)).all()
    text = (tmp_path / "page.html").read_text()
    assert ("s11 1" in text or "s1 1" in text) == named and ("test subject" in text) != named
    assert "worst reconstructions of NeuroQuant" in text

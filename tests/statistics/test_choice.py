"""What the report shows is chosen by scores: a session in the middle of the field, and the extremes."""

import numpy as np
import pandas as pd

from neuroquant.files import write_tsv
from neuroquant.statistics.choice import WORST, median_session, sessions_to_view, worst_images


def scores(path, **psnr):
    """PSNR by subject: a number for T1w alone, a pair for both."""
    rows = []
    for subject, values in psnr.items():
        for modality, value in zip(("T1w", "T2w"), values if isinstance(values, tuple) else (values,), strict=False):
            row = {"cohort": "c", "subject": subject, "session": "1", "modality": modality, "model": "m"}
            rows.append({**row, "family": "", "region": "whole", "metric": "psnr", "value": value})
    write_tsv(pd.DataFrame(rows), path)
    return path


def test_the_session_is_the_median_of_those_with_most_modalities(tmp_path):
    path = scores(tmp_path / "f.tsv", a=(20, 22), b=(30, 32), c=(25, 24), d=24.4, e=23.9)
    assert median_session(path, "c", "m") == ("c", "1")
    assert median_session(scores(tmp_path / "f.tsv", a=20, b=30, c=25), "c", "m") == ("c", "1")


def test_the_median_the_lowest_and_the_highest_session_are_viewed_each_once(tmp_path):
    path = scores(tmp_path / "f.tsv", a=(20.0, 21.0), b=(30.0, 31.0), c=(25.0, 26.0))
    chosen = sessions_to_view(path, "c", "m")
    assert [(one.subject, one.rank, one.number, one.psnr) for one in chosen] == [
        ("c", "median", 3, 25.5), ("a", "lowest", 1, 20.5), ("b", "highest", 2, 30.5),
    ]  # fmt: skip
    assert [one.rank for one in sessions_to_view(scores(tmp_path / "f.tsv", a=20.0), "c", "m")] == ["median"]
    assert sessions_to_view(path, "another", "m") == []


def test_the_worst_images_are_those_of_lowest_psnr_with_their_other_scores():
    key = {"cohort": "c", "session": "1", "modality": "T1w", "model": "m", "sex": "F", "age": np.nan}
    rows = [{**key, "subject": f"s{n:02d}", "metric": "psnr", "value": 30.0 - n} for n in range(WORST + 2)]
    rows.append({**key, "subject": f"s{WORST + 1:02d}", "metric": "ssim", "value": 7.0})
    table = worst_images(pd.DataFrame(rows).assign(training="m"), "m")
    assert len(table) == WORST and list(table.psnr) == sorted(table.psnr)
    first = table.iloc[0]
    assert (first.subject, first.number, first.ssim) == (f"s{WORST + 1:02d}", WORST + 2, 7.0) and np.isnan(first.dice)

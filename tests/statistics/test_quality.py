"""Sessions that stand out of their cohort are found, by measures of every modality."""

import numpy as np
import pandas as pd

from neuroquant.files import write_tsv
from neuroquant.statistics.quality import gather_qc, measures

MODALITIES = ("T1w", "T2w")
COLUMNS = ["cohort", "subject", "session", "box", "brain_ml", "lost_share", "T1w_high", "T2w_high", "T2w_shift_mm"]


def tables(folder, sessions=40, **changes):
    """Two QC tables of usual sessions, the last with `changes`."""
    generator = np.random.default_rng(0)
    rows = []
    for number in range(sessions):
        row = {"cohort": "c", "subject": f"sub-{number:02d}", "session": "1", "box": "130 x 170 x 125"}
        row |= {"brain_ml": generator.normal(1300, 80), "lost_share": 0.0, "T1w_high": generator.normal(900, 50)}
        rows.append({**row, "T2w_high": generator.normal(700, 50)})
    if rows:
        rows[-1] |= changes
    paths = [folder / "a.tsv", folder / "b.tsv"]
    for path, part in zip(paths, (rows[: sessions // 2], rows[sessions // 2 :]), strict=True):
        write_tsv(pd.DataFrame(part, columns=COLUMNS), path)
    return paths


def test_a_session_far_from_the_others_is_named_with_what_is_odd_about_it(tmp_path):
    found = gather_qc(tables(tmp_path, brain_ml=2100, T2w_high=90_000), MODALITIES)
    odd = found[found.outlier != ""]
    assert list(odd.subject) == ["sub-39"] and odd.outlier.iloc[0] == "brain_ml T2w_high"
    assert (gather_qc(tables(tmp_path), MODALITIES).outlier == "").all(), "and none where nothing is odd"


def test_every_modality_has_measures_of_its_own():
    names = measures(("T1w", "FLAIR"))
    assert names["FLAIR_high"] == "FLAIR upper percentile" and {"T1w_shift_mm", "FLAIR_match", "T1w_slice_mm"} <= set(
        names
    )
    assert not any("T2w" in name for name in names)

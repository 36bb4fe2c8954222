"""A cohort in which some sessions have one of the two scans, kept by `require: any`, from scans to report."""

import pandas as pd
import pytest

from neuroquant.files import read_tsv

pytestmark = pytest.mark.slow


def test_sessions_of_one_modality_train_are_tested_and_reach_the_report(imported):
    results = imported / "results/tiny"
    sessions = read_tsv(results / "cohorts/study/sessions.tsv")
    scores = read_tsv(results / "numbers/fidelity.tsv")
    test = read_tsv(results / "cohorts/study/splits.tsv").set_index("subject").split
    mine = sessions[sessions.subject.map(test) == "test"]
    for name in ("T1w", "T2w"):
        assert (mine[name] == "").any() and (sessions[sessions.subject.map(test) == "train"][name] == "").any()
        scored = scores[scores.modality == name]
        assert set(zip(scored.subject, scored.session, strict=True)) == {
            (row.subject, row.session) for row in mine.itertuples() if getattr(row, name)
        }
    table = pd.read_csv(results / "tables/table1.csv")
    assert {"T1w", "T2w"} <= set(table.modality) and table.value.notna().all()
    assert (results / "report.html").stat().st_size > 100_000

"""The whole DAG on a tiny embedded cohort: it finishes, says what it must, and then rests."""

import re

import pandas as pd
import pytest
from run import job_counts, snakemake

from neuroquant.files import read_tsv

pytestmark = pytest.mark.slow

COLUMNS = "cohort model modality metric value ci_low ci_high n_subjects published stand_in".split()


def test_the_tables_are_tidy_and_name_their_stand_ins(finished):
    for name, rows in (("table1", {"sd_vae", "neuroquant"}), ("table2", {"neuroquant_base", "neuroquant"})):
        table = pd.read_csv(finished / f"results/tiny/tables/{name}.csv")
        assert list(table.columns) == COLUMNS
        assert rows <= set(table.model)
        assert (
            table.value.notna().all() and (table.ci_low <= table.value).all() and (table.value <= table.ci_high).all()
        )
        assert table.stand_in.str.contains("embedded", case=False).all()
        for kind in ("md", "html", "tex"):
            assert (finished / f"results/tiny/tables/{name}.{kind}").stat().st_size > 200


def test_only_test_subjects_are_scored(finished):
    results = finished / "results/tiny"
    splits = read_tsv(results / "cohorts/embedded/splits.tsv").set_index("subject").split
    for numbers in ("fidelity", "dice", "regions", "predictions"):
        assert {splits[subject] for subject in read_tsv(results / f"numbers/{numbers}.tsv").subject} == {"test"}


def test_every_session_is_in_exactly_one_of_the_two_tables(finished):
    cohort = finished / "results/tiny/cohorts/embedded"
    kept, excluded = (read_tsv(cohort / f"{name}.tsv") for name in ("sessions", "excluded"))
    keys = [tuple(row) for table in (kept, excluded) for row in table[["subject", "session"]].itertuples(index=False)]
    found = {path.relative_to(cohort / "bids").parts[:2] for path in (cohort / "bids").glob("sub-*/ses-*")}
    assert len(keys) == len(set(keys)) == len(found)


def test_the_report_opens_without_network_and_names_no_subject(finished):
    page = (finished / "results/tiny/report.html").read_text()
    assert len(page) < 30_000_000
    assert not re.search(r"""(?:src|href)=["']https?://[^"']+\.(?:js|css|woff2?)["']""", page)
    summary = (finished / "results/tiny/report/summary.html").read_text()
    assert "stand-in" in summary
    assert not re.search(r"sub-\w+", summary)
    assert str(finished) not in summary


def test_a_second_run_does_nothing(finished):
    done = snakemake(finished, "all")
    assert done.returncode == 0 and "Nothing to be done" in done.stdout, done.stdout[-3000:]


def test_planning_lists_nothing_for_a_finished_experiment(finished):
    assert job_counts(snakemake(finished, "-n", "all").stdout) == {}

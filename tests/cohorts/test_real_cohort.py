"""The index of real MRI: skull-stripped pairs on one grid are in, all others are out with their reason."""

import os
from pathlib import Path

import pytest

from neuroquant.cohorts.inventory import check_root
from neuroquant.config.cohort import Cohort
from tests.cohorts.helpers import index, source_of

ROOT = Path(os.environ.get("NEUROQUANT_TESTDATA", "")) / "bids_real"


needs_data = pytest.mark.skipif(
    "NEUROQUANT_TESTDATA" not in os.environ or not ROOT.is_dir(),
    reason="set NEUROQUANT_TESTDATA to the folder that holds bids_real to test on real scans",
)


@needs_data
def test_with_registration_and_any_modality_every_session_goes_on_to_preprocessing(tmp_path):
    cohort = Cohort(name="real", root=str(ROOT), require="any")
    sessions, excluded = index(source_of(cohort, registration=True), tmp_path)
    assert excluded.empty and len(sessions) == 10 and (sessions.T2w == "").sum() == 4


@needs_data
def test_stripped_pairs_are_in_and_raw_or_unpaired_scans_are_out(tmp_path):
    source = source_of(Cohort(name="real", root=str(ROOT)))
    check_root(source)
    sessions, excluded = index(source, tmp_path)
    assert list(sessions.subject) == ["sub-04", "sub-05"] and list(sessions.age) == ["53", "40"]
    raw, unpaired = excluded[excluded.subject < "sub-04"], excluded[excluded.subject > "sub-05"]
    assert list(raw.subject) == ["sub-01", "sub-01", "sub-02", "sub-03"] and list(raw.session[:2]) == [
        "ses-01",
        "ses-02",
    ]
    assert raw.reason.str.startswith("raw T2w on another grid than T1w").all()
    assert list(unpaired.subject) == ["sub-06", "sub-07", "sub-08", "sub-09"]
    assert (unpaired.reason == "no T2w scan").all()

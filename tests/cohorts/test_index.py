"""Every session that was found is in exactly one of sessions.tsv and excluded.tsv, with the reason in words."""

import os

import nibabel as nib
import pandas as pd
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.errors import InputError
from neuroquant.tables import EXCLUDED, SESSION_KEY, sessions_columns
from tests.cohorts import helpers


@pytest.fixture
def index(bids, tmp_path):
    """Takes the inventory and the index of the folder as it is; gives both tables."""

    def run(modalities=DEFAULT_MODALITIES, registration=False, target="", **change):
        cohort = bids.cohort.model_copy(update=change)
        source = helpers.source_of(cohort, modalities, registration=registration, target=target)
        sessions, excluded = helpers.index(source, tmp_path / "out")
        assert list(sessions.columns) == sessions_columns(modalities) and list(excluded.columns) == EXCLUDED
        both = pd.concat([sessions[SESSION_KEY], excluded[SESSION_KEY]])
        assert not both.duplicated().any()
        return sessions, excluded

    return run


def test_a_pair_on_one_grid_is_in_with_its_files_and_their_stamps(bids, index):
    files = bids.pair("sub-02", "ses-1")
    bids.scan("derivatives/truth/sub-02/ses-1/anat/sub-02_ses-1_dseg.nii.gz")
    bids.scan("derivatives/truth/sub-02/ses-1/anat/sub-02_ses-1_desc-brain_mask.nii.gz")
    sessions, excluded = index()
    row, stat = sessions.iloc[0], files["T1w"].stat()
    assert excluded.empty
    assert (row.cohort, row.subject, row.session, row.family, row.sex, row.age) == (
        "study", "sub-02", "ses-1", "fam-1", "M", "15",
    )  # fmt: skip
    assert row.T1w == "sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz"
    assert row.T1w_stamp == f"{stat.st_size}-{stat.st_mtime_ns}"
    assert row.labels.startswith("derivatives/truth/") and row["mask"].endswith("desc-brain_mask.nii.gz")


def test_the_age_at_the_visit_goes_before_the_participants_age(bids, index):
    bids.pair("sub-01", "ses-1"), bids.pair("sub-01", "ses-2"), bids.pair("sub-03")
    (bids.root / "sub-01/sub-01_sessions.tsv").write_text("session_id\tage\nses-1\tn/a\nses-2\t16.25\n")
    sessions, _ = index()
    assert list(sessions.age) == ["14.5", "16.25", ""]


def test_site_and_scanner_of_the_visit_go_before_the_participants(bids, index):
    bids.people("sub-01\tF\tA\tA-1", "sub-02\tM\tn/a\t", header="participant_id\tsex\tsite\tscanner")
    bids.pair("sub-01", "ses-1"), bids.pair("sub-01", "ses-2"), bids.pair("sub-02")
    (bids.root / "sub-01/sub-01_sessions.tsv").write_text("session_id\tscanner\nses-1\tn/a\nses-2\tA-2\n")
    sessions, _ = index()
    assert list(sessions.site) == ["A", "A", ""] and list(sessions.scanner) == ["A-1", "A-2", ""]


def test_of_several_runs_the_first_by_name_is_taken(bids, index):
    bids.pair("sub-01")
    for run in (2, 1):
        bids.scan(f"sub-01/anat/sub-01_acq-MPR_run-{run}_T1w.nii.gz")
    sessions, _ = index()
    assert list(sessions.T1w) == ["sub-01/anat/sub-01_T1w.nii.gz"]
    (bids.root / sessions.T1w[0]).unlink()
    sessions, _ = index()
    assert list(sessions.T1w) == ["sub-01/anat/sub-01_acq-MPR_run-1_T1w.nii.gz"]


def test_an_unpaired_session_is_excluded_alone(bids, index):
    bids.pair("sub-01"), bids.pair("sub-02", "ses-1")["T2w"].unlink(), bids.pair("sub-02", "ses-2")["T1w"].unlink()
    sessions, excluded = index()
    assert list(sessions.subject) == ["sub-01"]
    assert list(excluded.reason) == ["no T2w scan", "no T1w scan"]
    assert excluded.file[0] == "sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz"


def test_a_pair_on_different_grids_waits_for_registration(bids, index):
    for subject, change in (("sub-01", {"shift": 6.0}), ("sub-02", {"shape": (20, 22, 17)})):
        bids.pair(subject)
        bids.scan(f"{subject}/anat/{subject}_T2w.nii.gz", **change)
    _, excluded = index()
    assert all("raw T2w on another grid than T1w" in reason for reason in excluded.reason)
    assert all("set volume.registration: grids" in reason for reason in excluded.reason)
    assert list(excluded.file) == ["sub-01/anat/sub-01_T2w.nii.gz", "sub-02/anat/sub-02_T2w.nii.gz"]
    kept, excluded = index(registration=True)
    assert excluded.empty and len(kept) == 2


def test_sessions_with_one_modality_are_kept_where_any_is_enough(bids, index):
    bids.pair("sub-01"), bids.pair("sub-02")["T2w"].unlink(), bids.pair("sub-03")["T1w"].unlink()
    sessions, excluded = index(require="any")
    assert excluded.empty and list(sessions.subject) == ["sub-01", "sub-02", "sub-03"]
    assert list(sessions.T2w == "") == [False, True, False] and list(sessions.T1w == "") == [False, False, True]


def test_a_mask_or_label_map_on_another_grid_is_named(bids, index):
    bids.pair("sub-01"), bids.pair("sub-02")
    bids.scan("derivatives/x/sub-01/anat/sub-01_desc-brain_mask.nii.gz", shift=4.0)
    bids.scan("derivatives/x/sub-02/anat/sub-02_dseg.nii.gz", shape=(20, 22, 19))
    _, excluded = index()
    assert [reason.split(" (")[0] for reason in excluded.reason] == [
        "mask on another grid than T1w",
        "labels on another grid than T1w",
    ]


@pytest.mark.parametrize("place", ["", "derivatives/x/"])
def test_a_mask_of_the_subject_serves_the_sessions_on_its_grid(bids, index, place):
    bids.pair("sub-01", "ses-1"), bids.pair("sub-01", "ses-2"), bids.pair("sub-01", "ses-3")
    mask = bids.scan(f"{place}sub-01/anat/sub-01_desc-brain_mask.nii.gz")
    for name in ("T1w", "T2w"):
        bids.scan(f"sub-01/ses-2/anat/sub-01_ses-2_{name}.nii.gz", shift=6.0)
    own = bids.scan("derivatives/x/sub-01/ses-3/anat/sub-01_ses-3_desc-brain_mask.nii.gz")
    sessions, excluded = index()
    shared = str(mask.relative_to(bids.root))
    assert excluded.empty and list(sessions["mask"]) == [shared, "", str(own.relative_to(bids.root))]
    assert sessions.mask_stamp[0], "a mask that changes redoes the sessions that it serves"
    mask.write_bytes(mask.read_bytes()[:-200])
    _, excluded = index()
    assert list(excluded.session) == ["ses-1", "ses-2"] and set(excluded.file) == {shared}


def test_a_mask_in_another_orientation_lies_on_the_grid_of_its_scan(bids, index):
    bids.pair("sub-01")
    for path in ("derivatives/x/sub-01/anat/sub-01_desc-brain_mask.nii.gz", "sub-01/anat/sub-01_T2w.nii.gz"):
        scan = nib.load(bids.scan(path))
        turn = ornt_transform(io_orientation(scan.affine), axcodes2ornt("PLS"))
        nib.save(scan.as_reoriented(turn), bids.root / path)
    sessions, excluded = index()
    assert excluded.empty and len(sessions) == 1
    bids.scan(path, shift=4.0)
    nib.save(nib.load(bids.root / path).as_reoriented(turn), bids.root / path)
    _, excluded = index()
    assert "equal shapes, other affines" in excluded.reason[0], "of the same voxels, in one orientation"


def test_broken_files_land_in_excluded_and_the_others_stay(bids, index):
    bids.pair("sub-01")
    for number, spoil in enumerate(("empty", "truncated", "4D", "dangling", "text"), 1):
        path = bids.pair("sub-02", f"ses-{number}")["T2w"]
        if spoil == "4D":
            bids.scan(str(path.relative_to(bids.root)), shape=(20, 22, 18, 2))
        elif spoil == "dangling":
            path.unlink()
            path.symlink_to(bids.root / "nowhere")
        else:
            path.write_bytes({"empty": b"", "truncated": path.read_bytes()[:-500], "text": b"hello " * 99}[spoil])
    sessions, excluded = index()
    assert list(sessions.subject) == ["sub-01"]
    words = ["empty", "truncated", "4D", "can't be opened", "not compressed"]
    assert all(word in reason for word, reason in zip(words, excluded.reason, strict=True)), list(excluded.reason)
    assert all(file.endswith("T2w.nii.gz") for file in excluded.file)


def test_people_without_a_known_sex_are_excluded_by_a_sentence(bids, index):
    bids.people("sub-01\tF", "sub-02\tn/a", "sub-03\t2", header="participant_id\tsex")
    for subject in ("sub-01", "sub-02", "sub-03", "sub-04"):
        bids.pair(subject)
    sessions, excluded = index()
    assert list(sessions.subject) == ["sub-01"]
    assert excluded.reason[0] == "sex is missing in participants.tsv: add it"
    assert "codes aren't guessed" in excluded.reason[1]
    assert excluded.reason[2].startswith("not in participants.tsv: add a row")


def test_a_folder_that_cannot_be_read_excludes_its_session(bids, index, monkeypatch):
    bids.pair("sub-01", "ses-1"), bids.pair("sub-01", "ses-2")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("ses-2/anat"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("neuroquant.cohorts.layouts.folders.os.scandir", refuse)
    sessions, excluded = index()
    assert list(sessions.session) == ["ses-1"]
    assert excluded.iloc[0].to_list() == [
        "study",
        "sub-01",
        "ses-2",
        "the folder can't be read: give yourself the right to (chmod u+rx)",
        "sub-01/ses-2/anat",
    ]


def test_an_unreadable_sessions_table_is_no_session(bids, index):
    bids.pair("sub-01", "ses-1")
    (bids.root / "sub-01/sub-01_sessions.tsv").symlink_to(bids.root / "nowhere")
    sessions, excluded = index()
    assert len(sessions) == 1 and excluded.empty


def test_a_folder_without_scans_is_refused(bids, index):
    with pytest.raises(InputError, match="no T1w or T2w scan"):
        index()


def test_the_ncanda_and_abcd_layouts_are_indexed_by_their_own_names(bids, index, tmp_path):
    who = tmp_path / "who.csv"
    who.write_text("subject,sex,age\nNCANDA_S00033,F,15\n")
    bids.scan("NCANDA_S00033/baseline/t1_brain.nii.gz"), bids.scan("NCANDA_S00033/baseline/t2_brain.nii.gz")
    sessions, _ = index(layout="ncanda", participants=str(who))
    assert sessions[["subject", "session", "sex"]].iloc[0].to_list() == ["NCANDA_S00033", "baseline", "F"]
    who.write_text("src_subject_id,sex,interview_age,rel_family_id\nNDAR_INV7,M,126,88\n")
    bids.pair("sub-NDARINV7", "ses-baselineYear1Arm1")
    sessions, _ = index(layout="abcd", participants=str(who))
    row = sessions.iloc[0]
    assert (row.subject, row.session, row.age, row.family) == ("sub-NDARINV7", "ses-baselineYear1Arm1", "10.5", "88")


def test_numbers_in_the_table_match_folders_with_zeros_in_front(bids, index):
    bids.people("1.0\tF\t9", "2.0\tM\t10", header="participant_id\tsex\tage")
    bids.pair("sub-001"), bids.pair("sub-2")
    sessions, excluded = index()
    assert excluded.empty and list(sessions.subject) == ["sub-001", "sub-2"] and list(sessions.age) == ["9", "10"]
    bids.pair("sub-01")
    sessions, excluded = index()
    assert list(sessions.subject) == ["sub-2"] and "row sub-1 could be sub-001 or sub-01" in excluded.reason[0]


def test_a_visit_may_be_written_otherwise_in_the_sessions_table(bids, index):
    bids.pair("sub-01", "ses-01")
    (bids.root / "sub-01/sub-01_sessions.tsv").write_text("session_id\tage\n1\t16.25\n")
    assert list(index()[0].age) == ["16.25"]

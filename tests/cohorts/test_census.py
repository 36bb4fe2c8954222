"""Everything below a cohort's root is used, out with a reason, or listed as not looked at: the counts add up."""

import re
from pathlib import Path

import pytest

from neuroquant.cohorts.census import read_unseen, take_census, write_unseen
from neuroquant.cohorts.inventory import take_inventory
from neuroquant.config.base import DEFAULT_MODALITIES
from tests.cohorts.helpers import index, source_of


@pytest.fixture
def account(bids, tmp_path):
    """Takes the index and the census; gives sessions, excluded and the census, which counts every file on disk."""

    def run(modalities=DEFAULT_MODALITIES, **change):
        source, out = source_of(bids.cohort.model_copy(update=change), modalities), tmp_path / "out"
        sessions, excluded = index(source, out)
        census = take_census(source, out / "inventory.tsv", out)
        write_unseen(source, out / "inventory.tsv", out, out / "unseen.tsv")
        assert read_unseen(out / "unseen.tsv").values.tolist() == census.unseen.values.tolist()
        there = [path for path in bids.root.rglob("*") if path.is_file() and ".git" not in path.parts]
        assert census.total == sum(bool(re.search(r"(?i)\.(nii|nii\.gz|mgz|mnc|img|hdr|dcm)$", str(p))) for p in there)
        return sessions, excluded, census

    return run


def reason(census, path: str) -> str:
    (found,) = census.unseen.reason[census.unseen.path == path]
    return found


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def test_scans_in_other_formats_and_visits_under_other_names_are_out_with_what_to_do(bids, account):
    bids.pair("sub-01"), bids.pair("sub-02")["T1w"].unlink(), bids.pair("sub-03", "ses-2013-05-01")
    put(bids.root, "sub-02/anat/sub-02_T1w.mgz")
    sessions, excluded, census = account()
    assert list(sessions.subject) == ["sub-01"]
    assert excluded[["subject", "session"]].values.tolist() == [["sub-02", ""], ["sub-03", "ses-2013-05-01"]]
    assert "sub-02_T1w.mgz" in excluded.reason[0] and "convert it" in excluded.reason[0]
    assert "rename it" in excluded.reason[1]
    assert (census.used, census.excluded, census.total) == (2, 4, 6) and census.unseen.path.tolist() == []


@pytest.mark.parametrize("name", ["sub-01_T1w.NII.GZ", "sub-01_T1w.img", "sub-01_T1w.nii.bz2", "sub-01_T1w.dcm"])
def test_what_is_named_as_a_scan_but_cannot_be_read_is_told(bids, account, name):
    bids.pair("sub-02"), bids.pair("sub-01")["T1w"].unlink()
    put(bids.root, f"sub-01/anat/{name}")
    if name.endswith("bz2"):
        (bids.root / "sub-01/anat" / name).rename(bids.root / "sub-01/anat/sub-01_T1w.mnc")
        name = "sub-01_T1w.mnc"
    _, excluded, _ = account()
    assert list(excluded.subject) == ["sub-01"] and name in excluded.reason[0]
    assert ("rename" if "NII" in name else "convert") in excluded.reason[0]


def test_a_subject_or_a_session_without_any_scan_is_out(bids, account):
    bids.pair("sub-01", "ses-1")
    (bids.root / "sub-01/ses-2/anat").mkdir(parents=True), (bids.root / "sub-02").mkdir()
    bids.scan("sub-03/func/sub-03_task-rest_bold.nii.gz")
    bids.scan("derivatives/x/sub-02/anat/sub-02_desc-brain_mask.nii.gz")
    sessions, excluded, census = account()
    assert sessions[["subject", "session"]].values.tolist() == [["sub-01", "ses-1"]]
    assert excluded[["subject", "session"]].values.tolist() == [["sub-01", "ses-2"], ["sub-02", ""], ["sub-03", ""]]
    assert all("no T1w or T2w scan in its folder" in reason for reason in excluded.reason)
    assert "other data than anatomy" in reason(census, "sub-03/func")


def test_what_lies_beside_the_scans_is_counted_with_its_reason(bids, account):
    bids.pair("sub-01")
    anat = "sub-01/anat/sub-01"
    for path in ("_FLAIR", "_T1", "_desc-lesion_mask", "_run-2_T1w"):
        bids.scan(f"{anat}{path}.nii.gz")
    put(bids.root, "sub-01/anat/._sub-01_T1w.nii.gz", "sub-01/extra/a/b.nii", "sub-01/extra/c.dcm", "sub-01/anat/x.hdr")
    put(bids.root, "sourcedata/sub-01/1.dcm", "patient7/T1.nii", "derivatives/fs/sub-01/mri/T1.mgz", ".git/a/x.nii.gz")
    put(bids.root, "derivatives/fs/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz")
    _, excluded, census = account()
    assert excluded.empty and census.used == 2
    for path, words in {
        f"{anat}_FLAIR.nii.gz": "of a modality that the experiment doesn't use (FLAIR): name it in `modalities`",
        f"{anat}_T1.nii.gz": "not named as the layout bids has it: rename it",
        f"{anat}_desc-lesion_mask.nii.gz": "another mask or label map",
        f"{anat}_run-2_T1w.nii.gz": "passed over for another of its session (sub-01_T1w.nii.gz)",
        "sub-01/anat/._sub-01_T1w.nii.gz": "a hidden file",
        "sub-01/anat/x.hdr": "in a format that isn't read (.hdr): convert it",
        "sub-01/extra": "in a folder that the layout bids doesn't open: rename it",
        "sourcedata": "beside the subjects'",
        "patient7": "isn't named as a subject's (sub-[A-Za-z0-9]+): rename it, or set another `layout`",
        "derivatives/fs/sub-01/mri": "only anat folders are opened",
        "derivatives/fs/sub-01/anat/sub-01_desc-preproc_T1w.nii.gz": "name that data set as `root`",
    }.items():
        assert words in reason(census, path), path
    assert int(census.unseen.files[census.unseen.path == "sub-01/extra"].iloc[0]) == 2


def test_rows_of_the_table_without_a_folder_are_listed(bids, account):
    bids.pair("sub-01"), bids.pair("sub-03")["T1w"].unlink()
    _, _, census = account()
    assert census.unseen.path.tolist() == ["sub-02"] and "a row of participants.tsv without a folder" in reason(
        census, "sub-02"
    )


def test_a_folder_that_links_to_one_above_it_is_walked_once(bids, account):
    bids.pair("sub-01")
    (bids.root / "sub-01/extra").mkdir()
    (bids.root / "sub-01/extra/back").symlink_to(bids.root)
    (bids.root / "sub-01/anat/anat").symlink_to(bids.root / "sub-01")
    assert account()[2].total == 2


def test_paths_of_ones_own_leave_the_rest_counted(bids, account):
    for kind in ("T1", "T2"):
        bids.scan(f"IXI-{kind}/a-{kind}.nii.gz")
    bids.scan("IXI-T1/odd.nii.gz"), bids.scan("IXI-DTI/a/1.nii.gz"), bids.scan("IXI-DTI/a/2.nii.gz")
    bids.people("a\tF", header="subject\tsex")
    files = {"T1w": "IXI-T1/{subject}-T1.nii.gz", "T2w": "IXI-T2/{subject}-T2.nii.gz"}
    sessions, _, census = account(layout="custom", files=files)
    assert len(sessions) == 1 and census.used == 2
    assert "no path in `files` names it" in reason(census, "IXI-T1/odd.nii.gz")
    assert census.unseen[["path", "files"]].values.tolist()[0] == ["IXI-DTI", 2]


def test_new_subjects_and_visits_that_cannot_be_used_change_the_inventory(bids):
    bids.pair("sub-01")
    before = take_inventory(source_of(bids.cohort))
    for path in ("sub-02", "sub-01/ses-1.5", "sub-01/ses-2"):
        (bids.root / path).mkdir()
        after = take_inventory(source_of(bids.cohort))
        assert after != before
        before = after

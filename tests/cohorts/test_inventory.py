"""The inventory sees every scan once, survives what can't be read, and rests while nothing changes."""

import json
import os
import time

import pytest

from neuroquant.cohorts.inventory import check_root, refresh_inventory, take_inventory
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from tests.cohorts.helpers import source_of


def paths(folder):
    return [path for path, _, _ in take_inventory(source_of(folder.cohort))]


def test_only_anatomy_masks_label_maps_and_tables_are_listed(bids):
    bids.pair("sub-01", "ses-1")
    bids.scan("derivatives/truth/sub-01/ses-1/anat/sub-01_ses-1_dseg.nii.gz")
    bids.scan("derivatives/truth/sub-01/ses-1/anat/sub-01_ses-1_desc-brain_mask.nii.gz")
    bids.scan("derivatives/truth/sub-01/ses-1/anat/sub-01_ses-1_desc-lesion_mask.nii.gz")
    bids.scan("sub-01/ses-1/func/sub-01_ses-1_T1w.nii.gz")
    bids.scan("sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz")
    bids.scan("derivatives/truth/sub-01/ses-1/anat/sub-01_ses-1_desc-preproc_T1w.nii.gz")
    (bids.root / "sub-01/sub-01_sessions.tsv").write_text("session_id\tage\nses-1\t15.5\n")
    assert paths(bids) == [
        "dataset_description.json",
        "derivatives/truth/sub-01/ses-1/anat/sub-01_ses-1_desc-brain_mask.nii.gz",
        "derivatives/truth/sub-01/ses-1/anat/sub-01_ses-1_dseg.nii.gz",
        "participants.tsv",
        "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz",
        "sub-01/ses-1/anat/sub-01_ses-1_T2w.nii.gz",
        "sub-01/sub-01_sessions.tsv",
    ]


def test_what_a_model_made_of_the_scans_is_no_mask_or_label_map_of_them(bids):
    bids.pair("sub-01")
    before = paths(bids)
    for program in ("NeuroQuant", "another"):
        folder = f"derivatives/{program}"
        for name in ("desc-brain_mask", "desc-synthseg_dseg"):
            bids.scan(f"{folder}/sub-01/anat/sub-01_{name}.nii.gz")
        described = {"Name": "x", "BIDSVersion": "1.10.0", "GeneratedBy": [{"Name": program}]}
        (bids.root / folder / "dataset_description.json").write_text(json.dumps(described))
    added = sorted(set(paths(bids)) - set(before))
    assert [path.rpartition("/")[2] for path in added] == [
        "sub-01_desc-brain_mask.nii.gz", "sub-01_desc-synthseg_dseg.nii.gz",
    ] and all(path.startswith("derivatives/another/") for path in added)  # fmt: skip


def test_it_is_rewritten_exactly_when_a_file_is_touched_added_or_removed(bids, tmp_path):
    files, table = bids.pair("sub-01"), tmp_path / "inventory.tsv"

    def refreshed():
        return refresh_inventory(source_of(bids.cohort), table)

    assert refreshed()
    before = table.stat().st_mtime_ns
    assert not refreshed() and table.stat().st_mtime_ns == before
    os.utime(files["T1w"], ns=(1, 1))
    assert refreshed() and not refreshed()
    bids.scan("sub-02/anat/sub-02_T1w.nii.gz")
    assert refreshed() and not refreshed()
    files["T2w"].unlink()
    assert refreshed() and not refreshed()


def test_a_dangling_link_is_an_entry_without_a_size(bids):
    (bids.root / "sub-01/anat").mkdir(parents=True)
    (bids.root / "sub-01/anat/sub-01_T1w.nii.gz").symlink_to(bids.root / "nowhere")
    assert ("sub-01/anat/sub-01_T1w.nii.gz", -1, -1) in take_inventory(source_of(bids.cohort))


def test_a_folder_that_cannot_be_read_is_an_entry_without_a_size(bids, monkeypatch):
    bids.pair("sub-01", "ses-1")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("ses-1"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("neuroquant.cohorts.layouts.folders.os.scandir", refuse)
    assert ("sub-01/ses-1", -1, -1) in take_inventory(source_of(bids.cohort))


def test_a_participants_table_elsewhere_counts_as_input(bids, tmp_path):
    table = tmp_path / "people.csv"
    table.write_text("subject,sex\nsub-01,F\n")
    cohort = bids.cohort.model_copy(update={"participants": str(table)})
    assert (str(table), 21, table.stat().st_mtime_ns) in take_inventory(source_of(cohort))


def test_other_layouts_are_found_by_their_own_names(bids):
    bids.scan("NCANDA_S00033/followup_1y/t1_brain.nii.gz")
    bids.scan("NCANDA_S00033/followup_1y/t2_brain.nii.gz")
    bids.scan("NCANDA_S00033/followup_1y/t1_raw.nii.gz")
    cohort = bids.cohort.model_copy(update={"layout": "ncanda"})
    assert [path for path, _, _ in take_inventory(source_of(cohort)) if path.endswith(".gz")] == [
        "NCANDA_S00033/followup_1y/t1_brain.nii.gz",
        "NCANDA_S00033/followup_1y/t2_brain.nii.gz",
    ]


def test_four_thousand_files_take_a_fifth_of_a_second(tmp_path):
    for subject in range(1000):
        folder = tmp_path / f"sub-{subject:04d}/ses-1/anat"
        folder.mkdir(parents=True)
        for name in ("T1w.nii.gz", "T2w.nii.gz", "T1w.json", "T2w.json"):
            (folder / f"sub-{subject:04d}_ses-1_{name}").touch()
    cohort = Cohort(name="study", root=str(tmp_path))
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        assert len(take_inventory(source_of(cohort))) == 2000
        seconds.append(time.process_time() - begin)
    assert min(seconds) < 0.2


def refused(cohort):
    with pytest.raises(InputError) as error:
        check_root(source_of(cohort))
    assert error.value.remedy
    return error.value


def test_a_good_folder_passes(bids):
    bids.pair("sub-01")
    check_root(source_of(bids.cohort))


def test_a_missing_folder_is_refused_by_name(tmp_path):
    assert "no such folder" in refused(Cohort(name="study", root=str(tmp_path / "gone"))).found
    assert refused(Cohort(name="study")).where == "cohort study: root"


def test_a_folder_that_is_not_bids_is_refused(bids):
    assert "no subject's folder" in refused(bids.cohort).found
    bids.pair("sub-01")
    (bids.root / "dataset_description.json").unlink()
    assert refused(bids.cohort).expected == "a BIDS data set"


def test_a_folder_without_a_usable_participants_table_is_refused(bids):
    bids.pair("sub-01")
    bids.people("sub-01\t14", header="participant_id\tage")
    assert "column for the sex" in refused(bids.cohort).expected
    bids.people("1\tF", header="number\tsex")
    assert "participant_id" in refused(bids.cohort).expected
    (bids.root / "participants.tsv").write_text("participant_id\tsex\n")
    assert refused(bids.cohort).found == "no rows"
    (bids.root / "participants.tsv").unlink()
    assert "participants.tsv" in refused(bids.cohort).where

"""Which of several files is taken in BIDS, raw or derivatives; what is named in another way is told."""

import pytest

from neuroquant.cohorts.choice import entities_of
from neuroquant.config.base import DEFAULT_MODALITIES
from tests.cohorts import helpers

MNI = "_space-MNI152NLin2009cAsym"


@pytest.fixture
def index(bids, tmp_path):
    """Takes the inventory and the index of the folder as it is; gives both tables."""

    def run(modalities=DEFAULT_MODALITIES, **change):
        return helpers.index(helpers.source_of(bids.cohort.model_copy(update=change), modalities), tmp_path / "out")

    return run


@pytest.fixture
def derivatives(bids):
    """What fMRIPrep leaves of a subject: native and in MNI space, masks, tissues and FreeSurfer's labels."""
    anat = "sub-01/anat/sub-01"
    for space, voxel in (("", 1.0), (MNI, 2.0)):
        for kind in ("desc-preproc_T1w", "desc-preproc_T2w", "desc-brain_mask", "dseg", "label-GM_probseg"):
            bids.scan(f"{anat}{space}_{kind}.nii.gz", voxel=voxel)
    bids.scan(f"{anat}_desc-aseg_dseg.nii.gz", voxel=1.0), bids.scan(f"{anat}_desc-fmap_T1w.nii.gz", voxel=1.0)
    return anat


def test_native_scans_are_chosen_by_their_entities_and_masks_and_labels_follow(derivatives, index):
    sessions, excluded = index(entities={"desc": "preproc", "space": ""})
    assert excluded.empty and sessions.T1w[0] == f"{derivatives}_desc-preproc_T1w.nii.gz"
    assert sessions["mask"][0] == f"{derivatives}_desc-brain_mask.nii.gz"
    assert sessions.labels[0] == f"{derivatives}_desc-aseg_dseg.nii.gz", "tissues aren't FreeSurfer's labels"


def test_scans_of_a_space_come_with_its_masks_alone(derivatives, index):
    sessions, excluded = index(entities={"space": "MNI152NLin2009cAsym"})
    assert excluded.empty and sessions.T2w[0] == f"{derivatives}{MNI}_desc-preproc_T2w.nii.gz"
    assert sessions["mask"][0] == f"{derivatives}{MNI}_desc-brain_mask.nii.gz"
    assert sessions.labels[0] == "", "there is none in this space"


def test_a_session_without_such_a_scan_is_out_and_says_what_was_looked_for(derivatives, index):
    _, excluded = index(entities={"desc": "skullstripped", "space": ""})
    assert list(excluded.reason) == ["no T1w scan (desc-skullstripped, no space)"]


def test_a_t2w_scan_in_the_space_of_the_t1w_scan_goes_before_others(bids, index):
    bids.scan(f"sub-01/anat/sub-01{MNI}_T1w.nii.gz")
    bids.scan("sub-01/anat/sub-01_desc-a_T2w.nii.gz"), bids.scan(f"sub-01/anat/sub-01{MNI}_T2w.nii.gz")
    sessions, _ = index()
    assert sessions.T2w[0] == f"sub-01/anat/sub-01{MNI}_T2w.nii.gz"


def test_runs_and_reconstructions_can_be_chosen_too(bids, index):
    for name in ("run-1", "run-2", "rec-norm_run-2"):
        for kind in ("T1w", "T2w"):
            bids.scan(f"sub-01/anat/sub-01_{name}_{kind}.nii.gz")
    assert index(entities={"run": "2", "rec": ""})[0].T1w[0] == "sub-01/anat/sub-01_run-2_T1w.nii.gz"
    assert index(entities={"rec": "norm"})[0].T2w[0] == "sub-01/anat/sub-01_rec-norm_run-2_T2w.nii.gz"


@pytest.mark.parametrize(
    ("plain", "other"),
    [("run-1", "part-phase"), ("run-1", "ce-gad"), ("run-1", "acq-localizer"), ("run-1", "acq-AAHScout"),
     ("run-1", "rec-norm"), ("run-1", "acq-mpr_run-1"), ("run-2", "run-10"), ("run-2", "ce-gad_run-1"),
     ("rec-b", "ce-a"), ("acq-z", "rec-a"), ("part-mag", "part-phase"), ("run-1", "part-real")],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["T1w", "T2w"])
def test_the_plain_magnitude_image_of_the_first_run_is_taken(bids, index, kind, plain, other):
    pair = bids.pair("sub-01")
    pair[kind].unlink()
    for name in (plain, other):
        bids.scan(f"sub-01/anat/sub-01_{name}_{kind}.nii.gz")
    sessions, _ = index()
    assert sessions[kind][0] == f"sub-01/anat/sub-01_{plain}_{kind}.nii.gz"


@pytest.mark.parametrize(("name", "words"), [("part-phase", "no magnitude image"), ("acq-scout", "a localizer")])
def test_a_phase_image_or_a_localizer_alone_is_no_scan_unless_it_is_asked_for(bids, index, name, words):
    pair, path = bids.pair("sub-01"), f"sub-01/anat/sub-01_{name}_T1w.nii.gz"
    pair["T1w"].rename(bids.root / path)
    sessions, excluded = index()
    assert sessions.empty and words in excluded.reason[0] and excluded.file[0] == path
    key, _, value = name.partition("-")
    bids.scan(f"sub-01/anat/sub-01_{name}_T2w.nii.gz")
    assert index(entities={key: value})[0].T1w[0] == path


def test_a_mask_of_another_run_is_not_taken(bids, index):
    for run in (1, 2):
        for kind in ("T1w", "T2w"):
            bids.scan(f"sub-01/anat/sub-01_run-{run}_{kind}.nii.gz")
        bids.scan(f"derivatives/x/sub-01/anat/sub-01_run-{run}_desc-brain_mask.nii.gz")
    bids.scan("derivatives/x/sub-01/anat/sub-01_acq-a_run-2_desc-brain_mask.nii.gz")
    sessions, _ = index(entities={"run": "2"})
    assert sessions["mask"][0] == "derivatives/x/sub-01/anat/sub-01_run-2_desc-brain_mask.nii.gz"
    (bids.root / "derivatives/x/sub-01/anat/sub-01_run-1_desc-brain_mask.nii.gz").unlink()
    assert index(entities={"run": "1"})[0]["mask"][0] == ""


def test_a_mask_in_the_scans_own_space_belongs_to_it(bids, index):
    bids.pair("sub-01")
    bids.scan(f"derivatives/x/sub-01/anat/sub-01{MNI}_desc-brain_mask.nii.gz", voxel=1.0)
    bids.scan("derivatives/x/sub-01/anat/sub-01_space-T1w_desc-brain_mask.nii.gz")
    sessions, excluded = index()
    assert excluded.empty and sessions["mask"][0].endswith("space-T1w_desc-brain_mask.nii.gz")


def test_entities_are_read_off_the_name_alone():
    assert entities_of("sub-01/ses-2/anat/sub-01_ses-2_space-MNI_desc-a+b_T1w.nii.gz") == {
        "sub": "01", "ses": "2", "space": "MNI", "desc": "a+b",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["sub-01_T2w (1).nii.gz", "sub-01_t2w.nii.gz", "sub-01_T2w_brain.nii.gz"])
def test_a_scan_under_another_name_is_told_not_passed_over(bids, index, name):
    pair = bids.pair("sub-01")
    pair["T2w"].rename(pair["T2w"].with_name(name))
    _, excluded = index()
    assert name in excluded.reason[0] and "rename it" in excluded.reason[0]
    _, excluded = index(require="any")
    assert excluded.empty, "a stray file takes nothing away from a session that is whole without it"


def test_a_folder_under_another_name_is_told_not_passed_over(bids, index):
    bids.pair("sub-01"), bids.pair("sub-02")
    (bids.root / "sub-02").rename(bids.root / "sub-02 copy")
    sessions, excluded = index()
    assert list(sessions.subject) == ["sub-01"] and list(excluded.subject) == ["sub-02 copy"]
    assert "rename it" in excluded.reason[0]

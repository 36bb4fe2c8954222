"""Names of derivatives keep what the name of the scan says."""

import pytest

from neuroquant.derivatives.names import labels_of, name_of_scan
from neuroquant.errors import InputError


def test_every_entity_of_the_scan_is_kept_in_the_order_of_bids():
    name = name_of_scan("sub-01/ses-2/anat/sub-01_ses-2_acq-mprage_rec-norm_run-1_T1w.nii.gz", "T1w", "01", "2")
    assert name.but(desc="recon").path(".nii.gz") == (
        "sub-01/ses-2/anat/sub-01_ses-2_acq-mprage_rec-norm_run-1_desc-recon_T1w.nii.gz"
    )
    assert name.but(suffix="mask", desc="brain", space="T2w").stem == (
        "sub-01_ses-2_acq-mprage_rec-norm_run-1_space-T2w_desc-brain_mask"
    )
    assert name_of_scan("sub-01/anat/sub-01_part-mag_echo-1_T2w.nii", "T2w", "01", "").stem == (
        "sub-01_echo-1_part-mag_T2w"
    )


def test_the_description_of_a_scan_that_is_a_derivative_itself_gives_way():
    name = name_of_scan("sub-01/anat/sub-01_space-MNI_desc-preproc_T1w.nii.gz", "T1w", "01", "")
    assert name.stem == "sub-01_space-MNI_T1w" and name.but(desc="recon").stem == "sub-01_space-MNI_desc-recon_T1w"


def test_scans_of_other_layouts_are_named_by_their_labels():
    labels = labels_of(["NCANDA_S00001", "NCANDA_S00002"], "subject", "splits.tsv")
    assert labels == {"NCANDA_S00001": "NCANDAS00001", "NCANDA_S00002": "NCANDAS00002"}
    assert labels_of(["", "baseline_1"], "session", "x") == {"": "", "baseline_1": "baseline1"}
    name = name_of_scan("NCANDA_S00001/baseline/t1_brain.nii.gz", "T1w", labels["NCANDA_S00001"], "baseline")
    assert name.path(".json") == "sub-NCANDAS00001/ses-baseline/anat/sub-NCANDAS00001_ses-baseline_T1w.json"


@pytest.mark.parametrize("names", [["a_1", "a1"], ["sub-01", "01"], ["s1", "S1"]])
def test_two_subjects_that_would_become_one_are_refused(names):
    with pytest.raises(InputError, match="both become the label"):
        labels_of(names, "subject", "sessions.tsv")


@pytest.mark.parametrize("name", ["sub-", "___", "ä"])
def test_a_name_without_letter_or_digit_is_refused(name):
    with pytest.raises(InputError, match="no letter or digit"):
        labels_of([name], "subject", "sessions.tsv")

"""deepbet's networks find the brain in raw heads."""

import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neuroquant.errors import InputError
from neuroquant.segmentation import deepbet
from neuroquant.segmentation.deepbet import BrainMasker

DATA = Path(os.environ.get("NEUROQUANT_TESTDATA", "/nonexistent")) / "bids_real"
RAW = ["sub-02/anat/sub-02_T1w.nii.gz", "sub-02/anat/sub-02_T2w.nii.gz"]


@pytest.fixture(scope="module")
def masker():
    return BrainMasker()


@pytest.mark.skipif(not DATA.is_dir(), reason="needs real heads: set NEUROQUANT_TESTDATA")
@pytest.mark.parametrize("path", RAW)
def test_the_brain_of_a_raw_head_with_thick_slices_has_the_size_and_place_of_a_brain(masker, path):
    image = nib.as_closest_canonical(nib.load(DATA / path))
    head = image.get_fdata(dtype=np.float32)
    brain = masker(head)
    millilitres = brain.sum() * abs(np.linalg.det(image.affine[:3, :3])) / 1000
    assert brain.shape == head.shape and 1300 < millilitres < 1700
    left_right = np.flatnonzero(brain.any(axis=(1, 2))) * np.linalg.norm(image.affine[:3, 0])
    assert 120 < np.ptp(left_right) < 170, "mm"
    outside = head[~brain]
    assert (outside > np.percentile(head[brain], 50)).any(), "the scalp is left out"


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_an_image_without_contrast_has_no_brain(masker, value):
    assert not masker(np.full((20, 24, 16), value, np.float32)).any()


def test_the_box_is_the_brains_widened_by_a_tenth_on_each_side_and_stays_in_the_image():
    rough = np.zeros((128, 128, 128), bool)
    rough[32:96, 64:128, 32:96] = True
    box = deepbet._box(rough, (128, 128, 64))
    assert box[0] == slice(25, 102), "64 planes and 6.4 more on each side"
    assert box[1].stop == 128
    assert box[2] == slice(13, 51), "half as many voxels along an axis with slices twice as thick"


def test_a_mask_of_a_few_voxels_has_no_box():
    rough = np.zeros((128, 128, 128), bool)
    rough[64, 64, 64] = True
    assert deepbet._box(rough, (128, 128, 128)) is None


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(deepbet, "files", missing)
    deepbet.network_files.cache_clear()
    with pytest.raises(InputError, match=r"neuroquant\[preprocess\]"):
        deepbet.network_files()
    deepbet.network_files.cache_clear()

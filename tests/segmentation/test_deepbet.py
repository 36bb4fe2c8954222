"""deepbet's networks find the brain in raw heads."""

import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from nibabel.orientations import axcodes2ornt, ornt_transform

from neuroquant.errors import InputError
from neuroquant.segmentation import deepbet
from neuroquant.segmentation.deepbet import BrainMasker

DATA = Path(os.environ.get("NEUROQUANT_TESTDATA", "/nonexistent")) / "bids_real"
RAW = ["sub-02/anat/sub-02_T1w.nii.gz", "sub-02/anat/sub-02_T2w.nii.gz"]


@pytest.fixture(scope="module")
def masker():
    return BrainMasker()


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs real heads: set NEUROQUANT_TESTDATA")
@pytest.mark.parametrize("path", RAW)
def test_the_brain_of_a_raw_head_with_thick_slices_has_the_size_and_place_of_a_brain(masker, path):
    image = nib.as_closest_canonical(nib.load(DATA / path))
    head = image.get_fdata(dtype=np.float32)
    brain = masker(head, image.affine)
    millilitres = brain.sum() * abs(np.linalg.det(image.affine[:3, :3])) / 1000
    assert brain.shape == head.shape and 1300 < millilitres < 1700
    left_right = np.flatnonzero(brain.any(axis=(1, 2))) * np.linalg.norm(image.affine[:3, 0])
    assert 120 < np.ptp(left_right) < 170, "mm"
    outside = head[~brain]
    assert (outside > np.percentile(head[brain], 50)).any(), "the scalp is left out"


def bright(images):
    """In place of deepbet's networks: voxels well above the mean are brain."""
    inside = torch.sigmoid(40 * (images[:, 0] - images[:, 0].mean(dim=(1, 2, 3), keepdim=True) - 0.1))
    return torch.stack([1 - inside, inside], dim=1)


@pytest.fixture
def quick(masker, monkeypatch):
    """The masker with small images and quick networks."""
    for side in ("BOX_SIDE", "MASK_SIDE"):
        monkeypatch.setattr(deepbet, side, 32)
    for network in ("box_network", "mask_network"):
        monkeypatch.setattr(masker, network, bright)
    return masker


def heads():
    """Balls of different sizes off the middle of different images, one image without any."""
    return [(blob((30, 34, 28), 9), np.diag([2.0, 2, 2, 1])), (np.zeros((20, 20, 20), np.float32), np.eye(4))] + [
        (blob((40, 36, 30), radius), np.eye(4)) for radius in (7, 11, 8)
    ]


def blob(shape, radius):
    apart = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) - np.array(shape) / 2 + (2, 4, 1)
    return np.where(np.linalg.norm(apart, axis=-1) < radius, 900.0, 20.0).astype(np.float32)


def test_a_brain_is_found_where_the_networks_see_it_and_an_empty_image_has_none(quick):
    assert [quick(*head).any() for head in heads()] == [True, False, True, True, True]


@pytest.mark.parametrize("axes", ["LPS", "PIR", "SAL"])
def test_a_mask_is_in_the_orientation_of_its_scan(quick, axes):
    ((head, affine),) = heads()[:1]
    turned = nib.Nifti1Image(head, affine).as_reoriented(ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axes)))
    mask = nib.Nifti1Image(quick(turned.get_fdata(dtype=np.float32), turned.affine).astype(np.uint8), turned.affine)
    np.testing.assert_array_equal(nib.as_closest_canonical(mask).get_fdata() > 0, quick(head, affine))


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_an_image_without_contrast_has_no_brain(masker, value):
    assert not masker(np.full((20, 24, 16), value, np.float32), np.eye(4)).any()


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

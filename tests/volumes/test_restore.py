"""A volume goes back onto its scan: same grid, same orientation, same intensities as far as float16 carries."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroquant.volumes.intensity import denormalise, normalise
from neuroquant.volumes.restore import restore, restore_labels
from tests.volumes.heads import ball

ORDERS = ["RAS", "LPS", "LAS", "PIR", "SLA", "AIL"]


@settings(max_examples=60, deadline=None)
@given(low=st.floats(0, 100), width=st.floats(1, 5000), seed=st.integers(0, 99))
def test_intensities_come_back_within_half_precision(low, width, seed):
    data = np.random.default_rng(seed).uniform(low, low + width, (6, 7, 8)).astype(np.float32)
    back = denormalise(normalise(data, np.ones(data.shape, bool), (low, low + width)), (low, low + width))
    np.testing.assert_allclose(back, data, atol=width * 2.0**-12 + 1e-4 * low)


@pytest.mark.parametrize("order", ORDERS)
def test_preprocess_then_restore_gives_the_scan_back_in_its_own_space(shard, order):
    canonical = nib.Nifti1Image(np.zeros(ball().shape, np.float32), np.diag([2.0, 1.92, 1.96, 1.0]))
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(tuple(order))
    )
    affine = canonical.as_reoriented(turn).affine
    row = shard.add("a", labels=np.where(ball(), 3, 0))
    originals = {}
    for kind in ("T1w", "T2w", "labels"):
        originals[kind] = np.asarray(nib.load(shard.root / row[kind]).dataobj)
        shard.write(row[kind], originals[kind], affine)
    volumes, _, _ = shard.run(percentiles=(0.0, 100.0))
    for index, kind in enumerate(("T1w", "T2w")):
        geometry = volumes.records[index].geometry
        image = restore(volumes.read("image", index), geometry, volumes.read("mask", index))
        data = np.asarray(image.dataobj)
        np.testing.assert_allclose(image.affine, affine)
        assert data.shape == ball().shape and nib.aff2axcodes(image.affine) == tuple(order)
        assert (data[~ball()] == 0).all()
        np.testing.assert_allclose(data[ball()], originals[kind][ball()], atol=900 * 2.0**-11)
    labels = restore_labels(volumes.read("labels", 0), volumes.records[0].geometry)
    np.testing.assert_array_equal(np.asarray(labels.dataobj), originals["labels"])


def test_what_was_cropped_is_zero_and_the_rest_is_in_place(shard):
    row = shard.add("a")
    volumes, _, _ = shard.run(shape=(16, 16, 16), crop_limit=0.9, percentiles=(0.0, 100.0))
    original = np.asarray(nib.load(shard.root / row["T1w"]).dataobj)
    back = np.asarray(restore(volumes.read("image", 0), volumes.records[0].geometry, volumes.read("mask", 0)).dataobj)
    kept = back > 0
    assert 0 < kept.sum() == volumes.read("mask", 0).sum() < ball().sum()
    np.testing.assert_allclose(back[kept], original[kept], atol=900 * 2.0**-11)


def test_without_a_mask_background_is_what_is_minus_one(shard):
    shard.add("a")
    volumes, _, _ = shard.run()
    back = np.asarray(restore(volumes.read("image", 0), volumes.records[0].geometry).dataobj)
    assert (back[~ball()] == 0).all() and (back[ball()] > 0).mean() > 0.99

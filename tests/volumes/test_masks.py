"""Given masks: in any orientation, neither inverted nor larger than any brain, and 0 outside."""

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from tests.volumes.heads import LPS, ball

NOISE = np.random.default_rng(0).uniform(1, 900, ball().shape).astype(np.float32)
"""A raw head: no voxel is background."""


def masked(shard, mask: np.ndarray) -> tuple[str, dict]:
    """Why a raw session with such a mask is out; empty where it is in."""
    row = shard.add("a", mask=mask, T1w=NOISE, T2w=2 * NOISE)
    _, _, excluded = shard.run()
    assert list(excluded.file) in ([], [row["mask"]])
    return (excluded.reason[0] if len(excluded) else ""), row


@pytest.mark.parametrize("kind", ["mask", "labels", "T2w"])
@pytest.mark.parametrize("stored", ["RAS", "PIR", "ASL"])
def test_the_same_voxels_in_another_orientation_are_the_same_grid(shard, kind, stored):
    row = shard.add("a", mask=ball(), labels=17 * ball(), T1w=NOISE, T2w=2 * NOISE)
    before, _, _ = shard.run("before")
    scan = nib.load(shard.root / row[kind])
    turn = ornt_transform(io_orientation(scan.affine), axcodes2ornt(stored))
    nib.save(scan.as_reoriented(turn), shard.root / row[kind])
    after, _, excluded = shard.run("after")
    assert excluded.empty
    for name in ("image", "mask", "labels"):
        np.testing.assert_array_equal(before.read(name, 1), after.read(name, 1))


def test_a_whole_mask_passes(shard):
    assert masked(shard, ball())[0] == ""


def test_a_mask_of_ones_is_no_brain(shard):
    assert "the brain mask fills 100% of the image; at most 80%" in masked(shard, np.ones(ball().shape))[0]


def test_an_inverted_mask_is_no_brain(shard):
    outside = ~ball(radius=16)
    assert outside.mean() < 0.8
    assert "all corners of the image: it is inverted" in masked(shard, outside)[0]


def test_a_mask_larger_than_any_brain_is_refused(shard):
    row = shard.add("a", mask=ball(radius=13), T1w=NOISE, T2w=2 * NOISE)
    for kind in ("T1w", "T2w", "mask"):
        shard.write(row[kind], np.asarray(nib.load(shard.root / row[kind]).dataobj), np.diag([7.0, 7.0, 7.0, 1.0]))
    _, _, excluded = shard.run()
    assert "ml (given mask); at most 2200 ml are expected" in excluded.reason[0]
    assert excluded.file[0] == row["mask"]


@pytest.mark.parametrize(("intercept", "said"), [(0.4, "smallest value is 0.4"), (1, "fills 100%"), (-2, "is empty")])
def test_a_mask_whose_header_adds_something_is_refused(shard, intercept, said):
    row = shard.add("a", mask=ball(), T1w=NOISE, T2w=2 * NOISE)
    path = (shard.root / row["mask"]).with_suffix("")
    image = nib.Nifti1Image(ball().astype(np.uint8), LPS)
    nib.save(image, path)
    raw = bytearray(path.read_bytes())
    head = np.ndarray((), image.header.template_dtype, raw)
    head["scl_slope"], head["scl_inter"] = 1, intercept
    path.write_bytes(raw)
    row["mask"] = path.name
    _, _, excluded = shard.run()
    assert said in excluded.reason[0] and excluded.file[0] == row["mask"]


def test_masks_of_255_and_soft_masks_pass(shard):
    assert masked(shard, 255 * ball())[0] == ""
    row = shard.add("b", T1w=NOISE, T2w=2 * NOISE)
    row["mask"] = shard.write("soft.nii.gz", (0.3 * ball(radius=11) + 0.7 * ball()).astype(np.float32))
    assert shard.run()[2].empty

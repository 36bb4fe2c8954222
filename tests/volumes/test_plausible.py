"""Scans that can't be what they say: slices lost, numbers misread, voxels that are no cubes, a stored unit."""

import nibabel as nib
import numpy as np
import pytest

from neuroquant.volumes.plausible import lacking
from neuroquant.volumes.restore import restore
from tests.volumes.heads import LPS, ball

NOISE = np.random.default_rng(5).uniform(100, 900, ball().shape)
HEAD = np.where(ball(), NOISE, 0).astype(np.float32)


def without(*planes: slice) -> np.ndarray:
    """A head without some of its axial slices."""
    image = HEAD.copy()
    for plane in planes:
        image[:, :, plane] = 0
    return image


LOST = {
    "the lower half": (without(slice(0, 14)), "% of the brain has no signal"),
    "every second": (without(slice(0, 28, 2)), "empty slices within the brain: 9"),
    "one in the middle": (without(slice(12, 13)), "empty slices within the brain: 1"),
}


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("name", ["T1w", "T2w"])
def test_slices_that_are_lost_beside_a_whole_scan_are_noticed(shard, kind, name):
    image, said = LOST[kind]
    row = shard.add("a", **{name: image})
    _, _, excluded = shard.run()
    assert said in excluded.reason[0] and excluded.file[0] == row[name]


def test_a_scan_that_ends_a_little_before_the_brain_passes(shard):
    shard.add("a", T2w=without(slice(0, 6)))
    assert shard.run()[2].empty
    assert lacking(HEAD, ball()) == ""
    assert lacking(HEAD * 0, ball()).startswith("100% of the brain")


def spoilt(shard, data, **fields) -> tuple[list[str], list[str]]:
    """(reasons, files) of a session whose T1w has other fields in its header than its voxels need."""
    row = shard.add("a")
    path = (shard.root / row["T1w"]).with_suffix("")
    image = nib.Nifti1Image(data, LPS)
    nib.save(image, path)
    raw = bytearray(path.read_bytes())
    head = np.ndarray((), image.header.template_dtype, raw)
    for name, value in fields.items():
        head[name] = value
    path.write_bytes(raw)
    row["T1w"] = path.name
    _, _, excluded = shard.run()
    return list(excluded.reason), list(excluded.file)


def test_whole_numbers_read_as_floating_point_are_noticed(shard):
    (reason,), (file,) = spoilt(shard, HEAD.astype(np.int32), datatype=16)
    assert "largest value is 1.2" in reason and "e-42 (the header's datatype or byte order" in reason
    assert file == "a_T1w.nii"


def test_floating_point_numbers_of_the_other_byte_order_are_noticed(shard):
    (reason,), _ = spoilt(shard, np.where(HEAD, np.float32(512), 0).byteswap().astype(np.float32))
    assert "datatype or byte order" in reason


@pytest.mark.parametrize("fields", [{"vox_offset": 0}, {"sform_code": 0, "qform_code": 0}, {"vox_offset": 16}])
def test_preprocessing_makes_the_same_checks_of_headers_as_the_index(shard, fields):
    (reason,), (file,) = spoilt(shard, HEAD, **fields)
    assert file == "a_T1w.nii" and ("vox_offset" in reason or "left and right are unknown" in reason)


def flat(shard) -> dict:
    """A round brain in voxels of 1 x 2 x 2 mm: 40 mm across in every direction."""
    grid = np.stack(np.meshgrid(*map(np.arange, (60, 30, 30)), indexing="ij"), -1)
    ball_mm = np.linalg.norm((grid - (29.5, 14.5, 14.5)) * (1, 2, 2), axis=-1) < 20
    row = shard.add("a")
    for number, kind in enumerate(("T1w", "T2w")):
        values = np.random.default_rng(number).uniform(100, 900, ball_mm.shape)
        shard.write(row[kind], np.where(ball_mm, values, 0).astype(np.float32), np.diag([1.0, 2.0, 2.0, 1.0]))
    return row


def test_voxels_that_are_no_cubes_make_a_round_brain(shard):
    row = flat(shard)
    volumes, qc, excluded = shard.run(percentiles=(0.0, 100.0), uneven_mm=1.6)
    assert excluded.empty and qc.voxel_mm[0] == "1.6 x 1.6 x 1.6" and qc.resampled[0] == "T1w T2w"
    box = np.array([int(side) for side in qc.box[0].split(" x ")])
    assert np.ptp(box) <= 1 and (np.abs(box * 1.6 - 40) < 3).all(), "as round as it is"
    back = restore(volumes.read("image", 0), volumes.records[0].geometry, volumes.read("mask", 0))
    assert back.shape == nib.load(shard.root / row["T1w"]).shape


def test_such_voxels_can_be_left_out_or_brought_to_a_size(shard):
    row = flat(shard)
    _, _, excluded = shard.run("out", uneven_voxels="exclude")
    assert "voxels of 1 x 2 x 2 mm are no cubes: set volume.voxel_mm" in excluded.reason[0]
    assert excluded.file[0] == row["T1w"]
    assert shard.run("cubes", voxel_mm=2.0)[1].voxel_mm[0] == "2 x 2 x 2"


def test_voxels_within_five_percent_of_cubes_stay_as_they_are(shard):
    row = shard.add("a")
    for kind in ("T1w", "T2w"):
        shard.write(row[kind], np.asarray(nib.load(shard.root / row[kind]).dataobj), np.diag([2.08, 2.0, 2.0, 1.0]))
    assert shard.run()[1].resampled[0] == "no"


def test_an_image_of_four_dimensions_with_one_volume_gives_the_same_as_three(shard):
    row = shard.add("a")
    three, _, _ = shard.run("three")
    for kind in ("T1w", "T2w"):
        shard.write(row[kind], np.asarray(nib.load(shard.root / row[kind]).dataobj)[..., None])
    four, _, excluded = shard.run("four")
    assert excluded.empty
    np.testing.assert_array_equal(three.read("image", 1), four.read("image", 1))
    assert restore(four.read("image", 0), four.records[0].geometry).shape == ball().shape


@pytest.mark.parametrize(("unit", "size"), [("meter", 1e-3), ("micron", 1e3)])
def test_a_scan_in_metres_or_microns_has_the_millimetres_that_it_has(shard, unit, size):
    row = shard.add("a")
    for kind in ("T1w", "T2w"):
        affine = np.diag([size, size, size, 1.0]) @ LPS
        image = nib.Nifti1Image(np.asarray(nib.load(shard.root / row[kind]).dataobj), affine)
        image.header.set_xyzt_units(unit)
        nib.save(image, shard.root / row[kind])
    volumes, qc, excluded = shard.run()
    assert excluded.empty and qc.voxel_mm[0] == "2 x 2 x 2"
    back = restore(volumes.read("image", 0), volumes.records[0].geometry, volumes.read("mask", 0))
    np.testing.assert_allclose(back.affine, LPS, rtol=1e-5)

"""Headers that exclude a scan, each with its reason; a damaged file never ends in a traceback."""

import gzip

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.eulerangles import euler2mat
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from neuroquant.scans.grid import Grid
from neuroquant.scans.headers import read_grid
from neuroquant.scans.unusable import Unusable


def save(path, shape=(20, 20, 20), affine=None, dtype=np.int16):
    image = nib.Nifti1Image(np.ones(shape, dtype), np.eye(4) if affine is None else affine)
    nib.save(image, path)
    return path


def set_fields(path, kind, **fields) -> None:
    """A scan whose header says other things than its file holds."""
    image = kind(np.ones((20, 20, 20), np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    image.set_sform(image.affine, 1)
    image.set_qform(image.affine, 1)
    nib.save(image, path)
    data = bytearray(path.read_bytes())
    head = np.ndarray((), image.header.template_dtype, data)
    for name, value in fields.items():
        head[name] = value
    path.write_bytes(data)


def reason(path) -> str:
    with pytest.raises(Unusable) as error:
        read_grid(path)
    return str(error.value)


@pytest.mark.parametrize("kind", [".nii", ".nii.gz"])
def test_a_whole_scan_gives_its_grid(tmp_path, kind):
    grid = read_grid(save(tmp_path / f"a{kind}", affine=np.diag([1, 2, 3, 1])))
    assert grid.shape == (20, 20, 20)
    np.testing.assert_allclose(grid.affine, np.diag([1, 2, 3, 1]))


@pytest.mark.parametrize("kind", [".nii", ".nii.gz"])
def test_empty_missing_and_foreign_files_are_told_apart(tmp_path, kind):
    path = tmp_path / f"a{kind}"
    assert "can't be opened" in reason(path)
    path.touch()
    assert "the file is empty" in reason(path)
    path.write_bytes(b"not a scan at all" * 100)
    assert ("not compressed" if kind == ".nii.gz" else "not a readable NIfTI") in reason(path)


@pytest.mark.parametrize("kind", [".nii", ".nii.gz"])
def test_a_truncated_scan_is_noticed(tmp_path, kind):
    path = tmp_path / f"a{kind}"
    if kind == ".nii":
        save(path)
        path.write_bytes(path.read_bytes()[:-200])
    else:
        whole = save(tmp_path / "b.nii").read_bytes()
        path.write_bytes(gzip.compress(whole[:-200]))
    assert "truncated" in reason(path)
    noise = np.random.default_rng(0).integers(0, 500, (20, 20, 20)).astype(np.int16)
    nib.save(nib.Nifti1Image(noise, np.eye(4)), path)
    for lost in (1, 5, 500, 5000):
        path.write_bytes(path.read_bytes()[:-lost])
        assert "truncated" in reason(path)


def test_a_scan_compressed_in_several_pieces_or_filled_up_with_zeros_is_whole(tmp_path):
    whole = save(tmp_path / "a.nii").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(whole[:9000]) + gzip.compress(whole[9000:] + bytes(500)))
    assert read_grid(tmp_path / "a.nii.gz").shape == (20, 20, 20)
    (tmp_path / "a.nii").write_bytes(whole + bytes(500))
    assert read_grid(tmp_path / "a.nii").shape == (20, 20, 20)


@pytest.mark.parametrize("kind", [".nii", ".nii.gz"])
@pytest.mark.parametrize("surplus", [b"x", bytes(800), b"a slice of voxels" * 999], ids=["byte", "zeros", "slice"])
def test_more_bytes_than_the_header_announces_are_voxels_that_it_does_not_know_of(tmp_path, kind, surplus):
    whole = save(tmp_path / "a.nii").read_bytes() + surplus
    path = tmp_path / f"a{kind}"
    path.write_bytes(whole if kind == ".nii" else gzip.compress(whole[:9000]) + gzip.compress(whole[9000:]))
    assert "holds more than the 16352 bytes" in reason(path) and "dim, datatype or vox_offset" in reason(path)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("first", [0, 100, 351])
def test_voxels_that_would_begin_inside_the_header_are_refused(tmp_path, kind, first):
    set_fields(tmp_path / "a.nii", kind, vox_offset=first)
    assert f"begin at byte {first}, inside its own header (vox_offset)" in reason(tmp_path / "a.nii")
    assert f"set vox_offset to {kind.header_class.single_vox_offset}" in reason(tmp_path / "a.nii")


@pytest.mark.parametrize("codes", [(1, 1), (0, 1), (1, 0)])
@pytest.mark.parametrize("size", [1e200, 1e-200, np.inf, np.nan])
def test_no_voxel_size_of_nifti_2_ends_in_a_traceback(tmp_path, codes, size):
    pixdim = [1, size, 2, 2, 1, 1, 1, 1]
    set_fields(tmp_path / "a.nii", nib.Nifti2Image, pixdim=pixdim, sform_code=codes[0], qform_code=codes[1])
    if codes == (1, 0):
        assert read_grid(tmp_path / "a.nii").shape == (20, 20, 20), "the sform counts, and has sizes of its own"
    else:
        assert "correct the header" in reason(tmp_path / "a.nii")


@pytest.mark.parametrize("unit", [("meter", 0.001), ("micron", 1000.0), ("mm", 1.0), ("unknown", 1.0)])
def test_metres_and_microns_are_honoured(tmp_path, unit):
    name, size = unit
    affine = np.diag([2 * size, 2 * size, 2 * size, 1.0])
    affine[0, 3] = -30 * size
    image = nib.Nifti1Image(np.ones((20, 20, 20), np.int16), affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    image.header.set_xyzt_units(name)
    nib.save(image, tmp_path / "a.nii")
    found = read_grid(tmp_path / "a.nii").affine
    np.testing.assert_allclose(found, [[2, 0, 0, -30], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]], rtol=1e-5)


def test_a_unit_that_cannot_be_is_named(tmp_path):
    image = nib.Nifti1Image(np.ones((20, 20, 20), np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    image.header.set_xyzt_units("meter")
    nib.save(image, tmp_path / "a.nii")
    assert "voxels of 2e+03 x 2e+03 x 2e+03 mm (its xyzt_units say meter)" in reason(tmp_path / "a.nii")


def test_an_image_of_four_dimensions_with_one_volume_is_that_volume(tmp_path):
    assert read_grid(save(tmp_path / "a.nii", (20, 21, 22, 1))).shape == (20, 21, 22)
    assert read_grid(save(tmp_path / "b.nii.gz", (20, 21, 22, 1, 1))).shape == (20, 21, 22)
    assert "5D" in reason(save(tmp_path / "c.nii", (20, 21, 22, 1, 3)))


def test_sheared_axes_are_refused_and_turned_ones_are_not(tmp_path):
    sheared = np.diag([2.0, 2.0, 2.0, 1.0])
    sheared[0, 1] = 0.5
    assert "sheared (two of them stand at 76 degrees" in reason(save(tmp_path / "a.nii", affine=sheared))
    sheared[0, 1] = 0.05
    assert read_grid(save(tmp_path / "b.nii", affine=sheared)).shape == (20, 20, 20)
    turned = np.diag([1.0, 2.0, 3.0, 1.0])
    turned[:3, :3] = euler2mat(0.3, 0.2, 0.4) @ turned[:3, :3]
    assert read_grid(save(tmp_path / "c.nii", affine=turned)).shape == (20, 20, 20)


def test_what_is_no_single_volume_of_plain_numbers_is_refused(tmp_path):
    assert reason(save(tmp_path / "a.nii", (20, 20, 20, 5))).startswith("4D")
    assert reason(save(tmp_path / "b.nii", (20, 20))).startswith("2D")
    assert "fewer than 16" in reason(save(tmp_path / "c.nii", (20, 20, 1)))
    assert "complex64" in reason(save(tmp_path / "d.nii", dtype=np.complex64))


def test_absurd_geometry_is_refused(tmp_path):
    assert "0.1 x 0.1 x 0.1 mm" in reason(save(tmp_path / "a.nii", affine=np.diag([0.1, 0.1, 0.1, 1])))
    assert "1 x 1 x 20 mm" in reason(save(tmp_path / "b.nii", affine=np.diag([1, 1, 20, 1])))
    image = nib.Nifti1Image(np.ones((20, 20, 20), np.int16), None)
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, tmp_path / "c.nii")
    assert "left and right are unknown" in reason(tmp_path / "c.nii")


def test_an_sform_and_a_qform_that_run_other_ways_are_refused(tmp_path):
    image = nib.Nifti1Image(np.zeros((20, 20, 20), np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    image.set_qform(np.diag([-2.0, 2.0, 2.0, 1.0]), code=1)
    image.set_sform(np.diag([2.0, 2.0, 2.0, 1.0]), code=1)
    nib.save(image, tmp_path / "flipped.nii.gz")
    with pytest.raises(Unusable, match="(?s)RAS and LAS.*correct the header"):
        read_grid(tmp_path / "flipped.nii.gz")
    image.set_qform(image.get_sform() + np.diag([0, 0, 0, 0.0]), code=1)
    image.set_sform(np.diag([2.0, 2.1, 2.0, 1.0]), code=4)
    nib.save(image, tmp_path / "moved.nii.gz")
    assert read_grid(tmp_path / "moved.nii.gz").affine[1, 1] == pytest.approx(2.1), "the sform counts, as everywhere"


def test_an_sform_of_another_code_may_lie_elsewhere_and_one_of_the_same_code_may_not(tmp_path):
    image = nib.Nifti1Image(np.zeros((20, 20, 20), np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    image.set_qform(np.diag([2.0, 2.0, 2.0, 1.0]), code=1)
    there = np.diag([2.0, 2.0, 2.0, 1.0])
    there[:3, 3] = (0, 0, 60)
    for code in (2, 4):
        image.set_sform(there, code=code)
        nib.save(image, tmp_path / "aligned.nii.gz")
        assert read_grid(tmp_path / "aligned.nii.gz").affine[2, 3] == 60
    image.set_sform(there, code=1)
    nib.save(image, tmp_path / "apart.nii.gz")
    assert "disagree by 60 mm about where it lies" in reason(tmp_path / "apart.nii.gz")
    there[:3, 3] = (0, 0, 2)
    image.set_sform(there, code=1)
    nib.save(image, tmp_path / "near.nii.gz")
    assert read_grid(tmp_path / "near.nii.gz").affine[2, 3] == 2


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_voxel_sizes_that_nibabel_would_repair_are_refused_where_they_count(tmp_path, kind, order):
    image = kind(np.zeros((20, 20, 20), np.int16), None, header=kind.header_class(endianness=order))
    image.set_qform(np.diag([2.0, 2.0, 2.0, 1.0]), code=1)
    image.set_sform(None, code=0)
    for name, size, told in (("zero", 0, "0 x 2 x 2 mm"), ("negative", -2, "-2 x 2 x 2 mm")):
        path = tmp_path / f"{name}.nii"
        nib.save(image, path)
        data = bytearray(path.read_bytes())
        head = np.ndarray((), image.header.template_dtype.newbyteorder(order), data)
        head["pixdim"][1] = size
        path.write_bytes(data)
        assert told in reason(path)
        head["sform_code"], head["qform_code"] = 1, 0
        head["srow_x"], head["srow_y"], head["srow_z"] = 2 * np.eye(3, 4)
        path.write_bytes(data)
        assert read_grid(path).shape == (20, 20, 20), "the sform counts, and has sizes of its own"


def test_two_grids_are_one_only_if_their_far_corners_agree():
    eye, turned = np.eye(4), np.eye(4)
    turned[0, 1] = 0.005
    grid = Grid((200, 200, 200), eye)
    assert grid.same_as(Grid((200, 200, 200), eye + 1e-5 * np.eye(4)))
    assert not grid.same_as(Grid((200, 200, 200), turned)), "a millimetre at the far corner"
    assert not grid.same_as(Grid((200, 200, 199), eye))


@pytest.mark.parametrize("stored", ["LAS", "LPI", "PIR", "SAL", "RAS"])
def test_the_same_voxels_stored_in_another_order_are_the_same_grid(stored):
    image = nib.Nifti1Image(np.zeros((20, 22, 24), np.int8), np.diag([2.0, 2.0, 2.0, 1.0]))
    turn = ornt_transform(io_orientation(image.affine), axcodes2ornt(stored))
    other = image.as_reoriented(turn)
    assert Grid(image.shape, image.affine).same_as(Grid(other.shape, other.affine))
    moved = other.affine.copy()
    moved[0, 3] += 1
    assert not Grid(image.shape, image.affine).same_as(Grid(other.shape, moved))


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 351), value=st.integers(0, 255))
def test_no_damaged_byte_of_a_header_ends_in_a_traceback(tmp_path_factory, place, value):
    path = tmp_path_factory.mktemp("damage") / "a.nii"
    data = bytearray(save(path).read_bytes())
    data[place] = value
    path.write_bytes(data)
    try:
        assert len(read_grid(path).shape) == 3
    except Unusable as error:
        assert str(error)

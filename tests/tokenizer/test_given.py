"""Scans as their users have them: files, nibabel images, arrays; one, or a list in which one may be broken."""

import nibabel as nib
import numpy as np
import pytest

import neuroquant
from neuroquant.errors import InputError
from neuroquant.tokenizer import Tokenizer
from tests.volumes.heads import LPS, ball


@pytest.fixture(scope="module")
def tokenizer(folders):
    return Tokenizer(folders / "neuroquant", "cpu", batch=2)


def same(one, other):
    """Whether two scans have the same tokens to the last bit, and lie in the same place."""
    assert one.record.geometry == other.record.geometry and np.array_equal(one.mask, other.mask)
    assert one.latents.keys() == other.latents.keys()
    return all(np.array_equal(one.latents[name], other.latents[name]) for name in one.latents)


def test_a_path_an_image_an_array_and_a_pair_have_the_same_tokens(tokenizer, scans):
    of_path, image = tokenizer.encode(scans[0]), nib.load(scans[0])
    array = np.asarray(image.dataobj)
    in_memory = nib.Nifti1Image(array, image.affine)
    assert same(of_path, tokenizer.encode(image)) and same(of_path, tokenizer.encode(str(scans[0])))
    assert same(of_path, tokenizer.encode(in_memory, "T1w"))
    assert same(of_path, tokenizer.encode(array, "T1w", affine=image.affine))
    assert same(of_path, tokenizer.encode((array.astype(np.float64), image.affine.tolist()), "T1w"))


def test_whole_numbers_with_a_slope_are_read_as_they_are_from_a_file(tokenizer, tmp_path):
    values = np.where(ball(), np.random.default_rng(0).uniform(100, 900, ball().shape), 0)
    image = nib.Nifti1Image(values, LPS)
    image.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "whole_T1w.nii.gz")
    assert float(nib.load(tmp_path / "whole_T1w.nii.gz").dataobj.slope) != 1
    loaded = nib.load(tmp_path / "whole_T1w.nii.gz")
    assert same(tokenizer.encode(tmp_path / "whole_T1w.nii.gz"), tokenizer.encode(loaded))
    assert loaded.get_filename() == str(tmp_path / "whole_T1w.nii.gz"), "the image stays as it was"


def test_a_list_is_encoded_in_batches_and_keeps_its_order(tokenizer, scans):
    image = nib.load(scans[1])
    mixed = [scans[0], image, scans[1], (np.asarray(image.dataobj), image.affine), scans[0]]
    found = tokenizer.encode(mixed, ["T1w", "T2w", None, "T2w", None])
    assert [each.record.modality for each in found] == ["T1w", "T2w", "T2w", "T2w", "T1w"]
    assert [each.record.subject for each in found] == ["a_T1w", "a_T2w", "a_T2w", "scan-4", "a_T1w"]
    singles = {scan.name[:-7][-3:]: tokenizer.encode(scan) for scan in scans}
    for batched in found:
        for name, latent in singles[batched.record.modality].latents.items():
            np.testing.assert_allclose(batched.latents[name], latent, atol=1e-4)


@pytest.mark.parametrize("kind", ["path", "image", "array"])
def test_a_mask_may_be_a_path_an_image_or_an_array(tokenizer, scans, tmp_path, kind):
    smaller = ball(radius=8.0)
    image = nib.Nifti1Image(smaller.astype(np.uint8), LPS)
    nib.save(image, tmp_path / "brain.nii.gz")
    given = {"path": tmp_path / "brain.nii.gz", "image": image, "array": smaller}[kind]
    tokens = tokenizer.encode(scans[0], mask=given)
    assert int(tokens.mask.sum()) == int(smaller.sum())
    assert tokenizer.encode([scans[0], scans[0]], mask=[given, None])[1].mask.sum() > tokens.mask.sum()


def test_a_bad_scan_of_a_list_ends_it_with_its_name_or_stands_in_its_place(tokenizer, scans):
    flat = np.full((20, 20, 20), 7.0)
    broken = [scans[0], (flat, LPS), scans[0].with_name("nowhere_T1w.nii.gz"), None, scans[1]]
    modalities = [None, "T1w", None, None, None]
    with pytest.raises(InputError, match="(?s)^scan-2\n.*all voxels are 7"):
        tokenizer.encode(broken, modalities)
    found = tokenizer.encode(broken, modalities, errors="collect")
    assert [type(each).__name__ for each in found] == ["Tokens", *["InputError"] * 3, "Tokens"]
    assert "all voxels are 7" in str(found[1]) and "no such file" in str(found[2])
    assert "scan-4\n  found:    an object of type NoneType" in str(found[3]) and found[4].record.modality == "T2w"
    with pytest.raises(InputError, match='"raise" or "collect"'):
        tokenizer.encode(broken, errors="skip")


def test_a_list_shows_how_far_it_is_where_that_is_asked_for(tokenizer, scans, capsys):
    tokenizer.encode(list(scans), progress=True)
    assert "encoding: 100%" in capsys.readouterr().err
    tokenizer.encode(list(scans))
    assert not capsys.readouterr().err, "none where standard error is no terminal"


def test_an_empty_list_has_no_tokens(tokenizer):
    assert tokenizer.encode([]) == []


@pytest.mark.parametrize(
    ("scan", "more", "said"),
    [
        (np.ones((20, 20, 20)), {}, "without an affine"),
        (np.ones((20, 20, 20)), {"affine": np.eye(3)}, "affine\n.*\\(3, 3\\)"),
        (np.ones((20, 20, 20)), {"affine": np.full((4, 4), np.nan)}, "4 x 4 finite numbers"),
        (np.ones((20, 20)), {"affine": LPS}, "three sides"),
        (np.ones((20, 20, 20, 2)), {"affine": LPS}, "one volume at a time"),
        (np.ones((20, 20, 20), complex), {"affine": LPS}, "complex128, not plain numbers"),
        (np.array(["a", "b"]), {"affine": LPS}, "not plain numbers"),
        (7, {"affine": LPS}, "an object of type int\n.*a scan"),
        (None, {}, "an object of type NoneType\n"),
        ((np.ones((20, 20, 20)), np.full((4, 4), np.inf)), {}, "4 x 4 finite numbers"),
        (np.full((20, 20, 20), np.nan), {"affine": LPS}, "NaN or infinite"),
        (np.ones((20, 20, 20)) * 3, {"affine": LPS, "modality": "PET"}, "modality 'PET'"),
        (np.ones((20, 20, 20)) * 3, {"affine": LPS, "modality": None}, "ends with none of T1w, T2w"),
    ],
)
def test_what_is_no_scan_is_refused_in_a_sentence_that_names_it(tokenizer, scan, more, said):
    with pytest.raises(InputError, match=f"(?s)^scan.*{said}"):
        tokenizer.encode(scan, **{"modality": "T1w", **more})


def test_lists_beside_a_list_have_its_length(tokenizer, scans):
    with pytest.raises(InputError, match="(?s)modality of 2 scans.*a list of 1"):
        tokenizer.encode(list(scans), ["T1w"])


def test_an_image_without_orientation_is_refused_as_its_file_is(tokenizer, scans):
    image = nib.load(scans[0])
    uncoded = nib.Nifti1Image(np.asarray(image.dataobj), None)
    uncoded.set_sform(None, 0)
    uncoded.set_qform(None, 0)
    with pytest.raises(InputError, match="(?s)^scan.*left and right are unknown"):
        tokenizer.encode(uncoded, "T1w")


def test_load_takes_the_device_second_as_before(folders):
    assert neuroquant.load(folders / "identity", "cpu").device == "cpu"

"""`encode` and `translate` take raw heads, masked by deepbet or by a given mask; what is none is told in a sentence."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from nibabel.orientations import axcodes2ornt, ornt_transform

from neuroquant import models
from neuroquant.cli import main
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.model_folder import save_model
from neuroquant.segmentation import deepbet
from neuroquant.tokenizer import read_tokens
from tests.training.helpers import PARAMETERS
from tests.volumes.test_contents import ellipsoid, folds, noisy

SIDES = (80, 96, 80)
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small NeuroQuant with the default sources of brain masks."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "neuroquant"
    parameters = {**PARAMETERS, "channels": (4, 8), "attention_blocks": (2,)}
    entry = ModelEntry(name="neuroquant", architecture="neuroquant", parameters=parameters)
    save_model(folder, models.build("neuroquant", parameters), entry, Volume(shape=SIDES), {})
    return str(folder)


def head(contrast: float) -> np.ndarray:
    """A raw head (D, H, W) in RAS+, 2 mm: a folded brain, dark bone, bright scalp, noise in the air."""
    half = np.array([33, 42, 32])
    brain, bone, scalp = (ellipsoid(half=half * scale) for scale in (0.88, 0.98, 1.06))
    tissue = folds(1) if contrast > 0 else 1200 * ellipsoid() - folds(1)
    return noisy(np.select([brain, bone, scalp], [tissue, np.full(brain.shape, 30.0), np.full(brain.shape, 500.0)]), 12)


def brain() -> np.ndarray:
    return ellipsoid(half=0.88 * np.array([33, 42, 32]))


def save(path: Path, data: np.ndarray, axes: str = "LPS") -> Path:
    image = nib.Nifti1Image(data, AFFINE)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image.as_reoriented(ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axes))), path)
    return path


@pytest.fixture
def scans(tmp_path):
    """T1w and T2w of one raw head, each stored in an orientation of its own, and the mask of the first."""
    t1w, t2w = save(tmp_path / "sub-1_T1w.nii.gz", head(1)), save(tmp_path / "sub-1_T2w.nii.gz", head(-1), "PIR")
    return t1w, t2w, save(tmp_path / "mask.nii.gz", brain().astype(np.uint8))


class Known:
    """In place of deepbet's networks: the brain as it was made; counts how often it is asked."""

    asked = 0

    def __init__(self, device):
        del device

    def __call__(self, voxels, affine):
        Known.asked += 1
        assert nib.aff2axcodes(affine) == ("R", "A", "S")
        return brain()


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(deepbet, "BrainMasker", Known)
    Known.asked = 0
    return Known


def encoded(model, out, *options) -> int:
    return main(["encode", model, *map(str, options), "--out", str(out), "--device", "cpu"])


def test_a_raw_head_is_encoded_with_a_found_mask_and_with_a_given_one_alike(model, scans, tmp_path, known):
    t1w, _, mask = scans
    assert encoded(model, tmp_path / "found", t1w) == 0 and known.asked == 1
    assert encoded(model, tmp_path / "given", t1w, "--mask", mask) == 0 and known.asked == 1, "a given mask comes first"
    (found,), (given,) = (read_tokens(tmp_path / name / "sub-1_T1w.h5") for name in ("found", "given"))
    np.testing.assert_array_equal(found.mask, given.mask)
    for name, latent in found.latents.items():
        np.testing.assert_array_equal(latent, given.latents[name])
    assert encoded(model, tmp_path / "again", tmp_path / "sub-1_T1w.nii.gz") == 0


def test_what_is_decoded_and_translated_of_a_raw_head_lies_in_the_brain_on_the_scans_own_grid(
    model, scans, tmp_path, known
):
    t1w, t2w, mask = scans
    assert encoded(model, tmp_path / "tokens", t1w, t2w) == 0
    tokens = [str(tmp_path / f"tokens/sub-1_{name}.h5") for name in ("T1w", "T2w")]
    assert main(["decode", model, *tokens, "--out", str(tmp_path / "images")]) == 0
    for path in (t1w, t2w):
        scan, back = nib.load(path), nib.load(tmp_path / "images" / path.name)
        assert nib.aff2axcodes(back.affine) == nib.aff2axcodes(scan.affine) and back.shape == scan.shape
        inside = np.asarray(nib.as_closest_canonical(back).dataobj) != 0
        assert not inside[~brain()].any() and inside[brain()].mean() > 0.99, "the brain, in the scan's own orientation"
    call = ["translate", model, str(t1w), "--like", str(t2w), "--out", str(tmp_path / "made_T2w.nii.gz")]
    asked = known.asked
    assert main(call) == 0 and known.asked == asked + 2
    assert main([*call, "--mask", str(mask)]) == 0 and known.asked == asked + 3, "the other head is still searched"
    made = nib.load(tmp_path / "made_T2w.nii.gz")
    assert nib.aff2axcodes(made.affine) == ("L", "P", "S") and not np.asarray(made.dataobj)[::-1, ::-1][~brain()].any()


CUT = head(1)[:, :, :50]
BAD = {
    "cut off": (CUT, "the head is cut off"),
    "empty": (0 * CUT, "all voxels are zero"),
    "noise": (noisy(np.zeros((80, 96, 76)), 80), "a phantom, or noise"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_head_that_is_none_is_refused_in_a_sentence_and_nothing_is_written(
    model, tmp_path, monkeypatch, capsys, kind
):
    image, said = BAD[kind]
    monkeypatch.setattr(Known, "__call__", lambda self, voxels, affine: brain()[:, :, : voxels.shape[2]])
    monkeypatch.setattr(deepbet, "BrainMasker", Known)
    path = save(tmp_path / "x_T1w.nii.gz", image)
    assert encoded(model, tmp_path / "tokens", path) == 1
    told = capsys.readouterr().err
    assert said in told and "x_T1w.nii.gz" in told and "Traceback" not in told
    assert not list((tmp_path / "tokens").iterdir())


def test_nothing_is_written_into_the_data_set_that_scans_come_from(model, scans, tmp_path, capsys, known):
    root = tmp_path / "bids"
    anat = root / "sub-1/anat"
    anat.mkdir(parents=True)
    (root / "dataset_description.json").write_text("{}")
    t1w = Path(shutil.copy(scans[0], anat))
    before = sorted(root.rglob("*"))
    for out in (root, anat, root / "tokens"):
        assert encoded(model, out, t1w) == 1
        made = str(out / "made.nii.gz")
        assert main(["translate", model, str(t1w), "--like", str(scans[1]), "--out", made]) == 1
        assert capsys.readouterr().err.count("a folder within the data set") == 2
    assert sorted(root.rglob("*")) == before and known.asked == 0
    assert encoded(model, root / "derivatives/neuroquant", t1w) == 0


def test_no_image_replaces_one_that_was_not_made_here(model, scans, tmp_path, capsys, known):
    t1w, t2w, _ = scans
    original = t1w.read_bytes()
    assert encoded(model, tmp_path / "tokens", t1w) == 0
    decode = ["decode", model, str(tmp_path / "tokens/sub-1_T1w.h5"), "--out"]
    assert main([*decode, str(tmp_path)]) == 1, "an image has the name of its scan"
    assert main(["translate", model, str(t2w), "--like", str(t1w), "--out", str(t1w)]) == 1
    assert capsys.readouterr().err.count("a file that NeuroQuant didn't make") == 2 and t1w.read_bytes() == original
    assert main([*decode, str(tmp_path / "images")]) == 0 and main([*decode, str(tmp_path / "images")]) == 0

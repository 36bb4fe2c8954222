"""Tokens are decoded by the weights that made them, and scans are encoded in voxels of the size that a model knows."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import neuroquant
from neuroquant import models
from neuroquant.cli import main
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.evaluation.latents import export_latents
from neuroquant.files import sha256
from neuroquant.model_facts import UnknownWeights, require_voxel_size, trained_voxel_mm
from neuroquant.model_folder import save_model
from neuroquant.tokenizer import read_tokens
from tests.training.helpers import PARAMETERS
from tests.volumes.heads import Shard


def write_model(folder: Path, trained: float | None = 2.0, **settings) -> Path:
    """A model folder of the model `neuroquant`, as training writes it, with weights of its own."""
    balls = {"shape": (32, 32, 32), "percentiles": (0.0, 100.0), "brain_ml_min": 10, "structure_min": 0, "match_min": 0}
    volume = Volume(**{**balls, **settings})
    entry = ModelEntry(name="neuroquant", architecture="neuroquant", parameters=PARAMETERS)
    facts = {} if trained is None else {"voxel_mm": trained}
    save_model(folder, models.build("neuroquant", PARAMETERS), entry, volume, facts)
    return folder


@pytest.fixture
def scan(tmp_path):
    """A skull-stripped T1w of 2 mm."""
    Shard(tmp_path).add("a")
    return tmp_path / "a_T1w.nii.gz"


def test_tokens_carry_the_hash_of_their_weights_through_their_file(scan, tmp_path):
    folder = write_model(tmp_path / "model")
    tokens = neuroquant.load(folder, "cpu").encode(scan)
    assert tokens.weights == sha256(folder / "model.safetensors") and len(tokens.weights) == 64
    tokens.save(tmp_path / "tokens.h5")
    assert read_tokens(tmp_path / "tokens.h5")[0].weights == tokens.weights
    shard = Shard(tmp_path)
    shard.add("a")
    shard.run(percentiles=(0.0, 100.0))
    export_latents(folder, [tmp_path / "out/test-000.h5"], [tmp_path / "latents.h5"], "cpu", 1)
    assert {each.weights for each in read_tokens(tmp_path / "latents.h5")} == {tokens.weights}, "the workflow's too"


def test_tokens_are_decoded_by_no_other_weights_of_the_same_name(scan, tmp_path):
    first, again = (neuroquant.load(write_model(tmp_path / name), "cpu") for name in ("first", "again"))
    tokens = first.encode(scan)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert first.decode(tokens).shape == nib.load(scan).shape
    with pytest.raises(
        InputError, match=f"(?s){first.weights[:12]}.*{again.weights[:12]}.*model folder that made them"
    ):
        again.decode(tokens)
    with pytest.raises(InputError, match="SHA-256"):
        again.translate(again.encode(scan), tokens)


def test_older_tokens_are_decoded_with_a_word_of_warning(scan, tmp_path, capsys):
    folder = write_model(tmp_path / "model")
    tokenizer = neuroquant.load(folder, "cpu")
    tokens = replace(tokenizer.encode(scan), weights="")
    with pytest.warns(UnknownWeights, match="doesn't say which weights made them"):
        tokenizer.decode(tokens)
    tokens.save(tmp_path / "old.h5")
    assert main(["decode", str(folder), str(tmp_path / "old.h5"), "--out", str(tmp_path / "images")]) == 0
    told = capsys.readouterr()
    assert told.err.startswith("note: a file of tokens doesn't say") and told.err.count("\n") == 1
    assert told.out.split() == [str(tmp_path / "images/a_T1w.nii.gz")]


@pytest.mark.parametrize(("trained", "fits"), [(2.0, True), (1.8, True), (2.25, True), (1.0, False), (3.0, False)])
def test_a_scan_in_voxels_far_from_the_models_own_is_refused_with_both_sizes(scan, tmp_path, trained, fits):
    tokenizer = neuroquant.load(write_model(tmp_path / "model", trained), "cpu")
    if fits:
        assert tokenizer.encode(scan).latents
        return
    with pytest.raises(InputError, match=f"(?s)voxels of 2 mm.*voxels of {trained:g} mm.*resample the scan"):
        tokenizer.encode(scan)


def test_thick_slices_count_with_the_size_to_which_they_are_resampled(tmp_path):
    thick = tmp_path / "thick_T1w.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((20, 20, 20), np.float32), np.diag([0.9, 0.9, 3.0, 1.0])), thick)
    require_voxel_size(thick, 1.0, "model m", uneven_mm=1.0)
    with pytest.raises(InputError, match="(?s)voxels of 1 mm.*voxels of 2 mm"):
        require_voxel_size(thick, 2.0, "model m", uneven_mm=1.0)


def test_a_model_that_resamples_takes_any_size_and_so_does_one_that_does_not_know_its_own(scan, tmp_path):
    assert neuroquant.load(write_model(tmp_path / "cubes", 3.0, voxel_mm=3.0), "cpu").encode(scan).latents
    assert neuroquant.load(write_model(tmp_path / "old", None), "cpu").encode(scan).latents


def test_what_training_wrote_of_its_voxels_is_read_and_nothing_else(tmp_path):
    folder = write_model(tmp_path / "model", 1.25)
    assert trained_voxel_mm(folder) == 1.25
    for text in ("", "[]", "{}", json.dumps({"voxel_mm": "1"}), json.dumps({"voxel_mm": -1.0})):
        (folder / "provenance.json").write_text(text)
        assert trained_voxel_mm(folder) is None
    (folder / "provenance.json").unlink()
    assert trained_voxel_mm(folder) is None


def test_encode_makes_the_same_checks_of_headers_as_the_index(scan, tmp_path, capsys):
    folder = write_model(tmp_path / "model", None)
    data, affine = np.asarray(nib.load(scan).dataobj), nib.load(scan).affine
    for name, kind, codes, said in (
        ("uncoded", np.float32, (0, 0), "left and right are unknown"),
        ("complex", np.complex64, (1, 1), "complex64, not plain numbers"),
    ):
        image = nib.Nifti1Image(data.astype(kind), affine)
        image.set_sform(affine, codes[0])
        image.set_qform(affine, codes[1])
        nib.save(image, tmp_path / f"{name}_T1w.nii.gz")
        assert main(["encode", str(folder), str(tmp_path / f"{name}_T1w.nii.gz"), "--out", str(tmp_path / "t")]) == 1
        told = capsys.readouterr()
        assert f"{name}_T1w.nii.gz" in told.err and said in told.err and not told.out

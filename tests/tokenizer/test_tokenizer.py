"""A trained model for downstream users: scans in, tokens out, images back on the scans' own grids."""

import dataclasses
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

import neuroquant
from neuroquant import models
from neuroquant.cli import main
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.evaluation.latents import export_latents
from neuroquant.model_folder import save_model
from neuroquant.tokenizer import read_tokens
from tests.tokenizer.conftest import SIDES
from tests.training.helpers import PARAMETERS
from tests.volumes.heads import Shard, ball


def test_a_scan_comes_back_on_its_own_grid_and_in_its_own_intensities(folders, scans):
    tokenizer = neuroquant.load(folders / "identity", device="cpu")
    back, scan = tokenizer.decode(tokenizer.encode(scans[0])), nib.load(scans[0])
    np.testing.assert_allclose(back.affine, scan.affine)
    np.testing.assert_allclose(back.get_fdata(), scan.get_fdata(), atol=0.5)


def test_a_model_without_latents_writes_and_reads_files_without_them(folders, scans, tmp_path):
    tokenizer = neuroquant.load(folders / "mean", device="cpu")
    tokenizer.encode(scans[0]).save(tmp_path / "tokens.h5")
    (tokens,) = read_tokens(tmp_path / "tokens.h5")
    assert tokens.latents == {} and tokens.mask.any()
    assert tokenizer.decode(tokens).shape == nib.load(scans[0]).shape


def test_tokens_are_those_of_the_workflow_and_survive_their_file(folders, scans, tmp_path):
    shard = Shard(tmp_path)
    shard.add("a")
    shard.run(percentiles=(0.0, 100.0))
    export_latents(folders / "neuroquant", [tmp_path / "out/test-000.h5"], [tmp_path / "latents.h5"], "cpu", 1)
    tokens = neuroquant.load(folders / "neuroquant", "cpu").encode(scans[0])
    tokens.save(tmp_path / "tokens.h5")
    (own,), theirs = read_tokens(tmp_path / "tokens.h5"), read_tokens(tmp_path / "latents.h5")
    assert [each.record.modality for each in theirs] == ["T1w", "T2w"] and own.record.geometry == tokens.record.geometry
    assert own.latents.keys() == theirs[0].latents.keys() == tokens.latents.keys()
    for name, latent in own.latents.items():
        np.testing.assert_allclose(latent, theirs[0].latents[name], atol=2e-3)
    assert np.array_equal(own.mask, ball_in_volume(tokens))


def test_tokens_of_a_model_of_two_blocks_have_its_grid_and_decode_from_their_file(scans, tmp_path):
    torch.manual_seed(0)
    parameters = {**PARAMETERS, "channels": (4, 8), "attention_blocks": (2,)}
    entry = ModelEntry(name="four_times", architecture="neuroquant", parameters=parameters)
    volume = Volume(shape=(28, 36, 32), percentiles=(0.0, 100.0), brain_ml_min=10, structure_min=0, match_min=0)
    save_model(tmp_path / "model", models.build("neuroquant", parameters), entry, volume, {})
    tokens = neuroquant.load(tmp_path / "model", "cpu").encode(scans[0])
    assert {latent.shape[1:] for latent in tokens.latents.values()} == {(7, 9, 8)}
    tokens.save(tmp_path / "tokens.h5")
    (again,) = read_tokens(tmp_path / "tokens.h5")
    assert np.array_equal(again.latents["indices"], tokens.latents["indices"])
    fresh = neuroquant.load(tmp_path / "model", "cpu")
    made, scan = fresh.decode(again), nib.load(scans[0])
    np.testing.assert_allclose(made.affine, scan.affine)
    np.testing.assert_allclose(made.get_fdata(), fresh.decode(tokens).get_fdata(), atol=1)  # of intensities to 900
    assert made.shape == scan.shape and made.get_fdata()[ball()].std() > 0


def test_a_model_takes_the_modalities_that_it_was_trained_with_and_names_them(scans, tmp_path):
    entry = ModelEntry(name="two", architecture="neuroquant", parameters=PARAMETERS, modalities=("T2w", "FLAIR"))
    volume = Volume(shape=SIDES, percentiles=(0.0, 100.0), brain_ml_min=10, structure_min=0, match_min=0)
    save_model(tmp_path / "two", models.build("neuroquant", PARAMETERS, entry.suffixes), entry, volume, {})
    tokenizer = neuroquant.load(tmp_path / "two", "cpu")
    tokens = tokenizer.encode(scans[1])
    assert tokens.record.modality == "T2w" and tokenizer.decode(tokens).shape == nib.load(scans[1]).shape
    with pytest.raises(InputError, match="ends with none of T2w, FLAIR"):
        tokenizer.encode(scans[0])
    with pytest.raises(InputError, match="modality 'T1w'.*\n.*one of T2w, FLAIR, with which model two was trained"):
        tokenizer.encode(scans[0], "T1w")
    other = dataclasses.replace(tokens, record=dataclasses.replace(tokens.record, modality="T1w"))
    with pytest.raises(InputError, match="one of T2w, FLAIR"):
        tokenizer.translate(tokens, other)


def ball_in_volume(tokens):
    """The brain of the scan, turned to RAS+, where the volume has it."""
    brain = np.pad(ball()[::-1, ::-1], 32)
    start = np.asarray(tokens.record.geometry.start) + 32
    return brain[tuple(slice(first, first + 32) for first in start)]


def test_the_anatomy_stays_and_the_appearance_is_the_other_ones(folders, scans):
    tokenizer = neuroquant.load(folders / "neuroquant", "cpu")
    t1w, t2w = (tokenizer.encode(path) for path in scans)
    made = tokenizer.translate(t1w, t2w)
    assert made.shape == nib.load(scans[0]).shape and not np.array_equal(
        made.get_fdata(), tokenizer.decode(t1w).get_fdata()
    )
    low, high = t2w.record.geometry.intensity
    assert made.get_fdata().max() <= high + 1e-3 and not made.get_fdata()[~ball()].any(), "0 outside the brain"
    np.testing.assert_allclose(tokenizer.translate(t1w, t1w).get_fdata(), tokenizer.decode(t1w).get_fdata(), atol=1e-2)


def test_the_commands_write_what_the_functions_give(folders, scans, tmp_path, capsys):
    folder = str(folders / "neuroquant")
    assert main(["encode", folder, *map(str, scans), "--out", str(tmp_path / "tokens")]) == 0
    files = [str(tmp_path / f"tokens/a_{name}.h5") for name in ("T1w", "T2w")]
    assert capsys.readouterr().out.split() == files
    assert main(["decode", folder, *files, "--out", str(tmp_path / "images")]) == 0
    images = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert images == ["a_T1w.nii.gz", "a_T2w.nii.gz"]
    made = tmp_path / "made.nii.gz"
    assert main(["translate", folder, str(scans[0]), "--like", str(scans[1]), "--out", str(made)]) == 0
    tokenizer = neuroquant.load(folder)
    expected = tokenizer.translate(*(tokenizer.encode(path) for path in scans))
    np.testing.assert_allclose(nib.load(made).get_fdata(), expected.get_fdata(), atol=1e-2)


def test_a_scan_that_cannot_be_used_says_why_and_costs_itself_alone(folders, scans, tmp_path, capsys):
    nib.save(nib.Nifti1Image(np.full((20, 20, 20), 7.0), np.eye(4)), tmp_path / "flat_T1w.nii.gz")
    folder, out = str(folders / "identity"), str(tmp_path / "tokens")
    assert main(["encode", folder, str(tmp_path / "flat_T1w.nii.gz"), str(scans[0]), "--out", out]) == 1
    told = capsys.readouterr()
    assert "flat_T1w.nii.gz" in told.err and "all voxels are 7" in told.err
    assert told.out.split() == [str(tmp_path / "tokens/a_T1w.h5")]


def test_what_does_not_fit_is_refused(folders, scans, tmp_path, capsys):
    tokenizer, other = (neuroquant.load(folders / name, "cpu") for name in ("neuroquant", "identity"))
    tokens = other.encode(scans[0])
    with pytest.raises(InputError, match="made by identity"):
        tokenizer.decode(tokens)
    with pytest.raises(InputError, match="anatomy from appearance"):
        other.translate(tokens, tokens)
    with pytest.raises(InputError, match="none of T1w, T2w"):
        other.encode(tmp_path / "head.nii.gz")
    with pytest.raises(InputError, match="no such file"):
        other.encode(tmp_path / "nowhere_T1w.nii.gz")
    shard = Shard(tmp_path)
    shard.add("b")
    shard.run()
    with pytest.raises(InputError, match="latents"):
        read_tokens(tmp_path / "out/test-000.h5")
    folder = str(folders / "identity")
    assert main(["encode", folder, str(scans[0]), str(scans[0]), "--out", str(tmp_path)]) == 1
    assert "names that differ" in capsys.readouterr().err
    call = [
        "translate",
        str(folders / "neuroquant"),
        str(scans[0]),
        "--like",
        str(scans[1]),
        "--out",
        str(tmp_path / "x.png"),
    ]
    assert main(call) == 1 and ".nii.gz or .nii" in capsys.readouterr().err


def spoilt(tokens, name, value):
    """Tokens with one value of a latent replaced."""
    latents = {key: array.copy() for key, array in tokens.latents.items()}
    latents[name].flat[0] = value
    return dataclasses.replace(tokens, latents=latents)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_latents_that_are_not_numbers_or_give_none_make_no_image(folders, scans, tmp_path, capsys, value):
    tokenizer = neuroquant.load(folders / "neuroquant", device="cpu")
    tokens = spoilt(tokenizer.encode(scans[0]), "z_q", value)
    with pytest.raises(InputError, match="NaN or infinite"):
        tokenizer.decode(tokens)
    with np.errstate(over="ignore"):
        tokens.save(tmp_path / "tokens.h5")
    call = ["decode", str(folders / "neuroquant"), str(tmp_path / "tokens.h5"), "--out", str(tmp_path / "images")]
    assert main(call) == 1 and "NaN or infinite" in capsys.readouterr().err
    assert not list((tmp_path / "images").iterdir()), "no image of NaN is written"


@pytest.mark.parametrize(
    "change",
    [
        lambda tokens: {"latents": {}},
        lambda tokens: {"latents": {**tokens.latents, "more": np.zeros((1, 2, 2, 2), np.float32)}},
        lambda tokens: {"latents": {name: array[:, :1] for name, array in tokens.latents.items()}},
        lambda tokens: {"latents": {**tokens.latents, "z_q": tokens.latents["z_q"].astype(bool)}},
        lambda tokens: {"mask": np.zeros((2, 2, 2), np.uint8)},
        lambda tokens: {"record": dataclasses.replace(tokens.record, modality="FLAIR")},
        lambda tokens: {"record": dataclasses.replace(tokens.record, geometry=None)},
    ],
)
def test_tokens_of_another_kind_are_refused_in_a_sentence(folders, scans, change):
    tokenizer = neuroquant.load(folders / "neuroquant", device="cpu")
    tokens = tokenizer.encode(scans[0])
    with pytest.raises(InputError, match="tokens"):
        tokenizer.decode(dataclasses.replace(tokens, **change(tokens)))


@pytest.mark.parametrize("subject", ["../../x", "/x", ".x"])
def test_decoded_images_stay_in_their_folder(folders, scans, tmp_path, capsys, subject):
    tokens = neuroquant.load(folders / "identity", device="cpu").encode(scans[0])
    tokens = dataclasses.replace(tokens, record=dataclasses.replace(tokens.record, subject=subject))
    tokens.save(tmp_path / "a/b/tokens.h5")
    out = tmp_path / "a/b/out"
    assert main(["decode", str(folders / "identity"), str(tmp_path / "a/b/tokens.h5"), "--out", str(out)]) == 1
    assert "as the name of a subject" in capsys.readouterr().err
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {*(s.name for s in scans), "tokens.h5"}


def test_a_place_that_cannot_be_written_to_is_named_before_anything_is_computed(folders, scans, tmp_path, capsys):
    (tmp_path / "taken").write_text("somebody's notes")
    entry = str(folders / "identity")
    for out in (tmp_path / "taken", tmp_path / "taken/below", Path("/proc/neuroquant")):
        for call in (["encode", entry, str(scans[0])], ["translate", entry, str(scans[0]), "--like", str(scans[1])]):
            target = out / "x.nii.gz" if call[0] == "translate" else out
            assert main([*call, "--out", str(target)]) == 1
            told = capsys.readouterr().err
            assert "can't be written" in told and str(out) in told
    assert (tmp_path / "taken").read_text() == "somebody's notes"

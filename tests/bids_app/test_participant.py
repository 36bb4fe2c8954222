"""The participant level of the BIDS-App: derivatives, pages, and what goes on after a failure or a second run."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest
import torch

from neuroquant.bids_app import record
from neuroquant.cli import main
from neuroquant.tokenizer import read_tokens
from tests.derivatives.validator import errors_of

STEM = "sub-0001/ses-01/anat/sub-0001_ses-01"


def run(root, output, model, *more):
    call = ["bids", str(root), str(output), "participant", "--model", str(model), "--skip-bids-validation"]
    return main([*call, "--device", "cpu", *more])


def test_a_session_becomes_derivatives_on_the_grid_of_its_scans_and_a_page(finished):
    root, output = finished
    scan = nib.load(root / f"{STEM}_T1w.nii.gz")
    for name in ("desc-recon_T1w", "desc-brain_mask", "desc-synth_T1w"):
        image = nib.load(output / f"{STEM}_{name}.nii.gz")
        assert image.shape == scan.shape and np.allclose(image.affine, scan.affine), name
    facts = json.loads((output / f"{STEM}_desc-recon_T2w.json").read_text())
    assert facts["Sources"] == [f"bids:raw:{STEM}_T2w.nii.gz"]
    described = json.loads((output / "dataset_description.json").read_text())
    assert described["DatasetLinks"] == {"raw": "../.."}
    (tokens,) = read_tokens(output / f"{STEM}_desc-tokens_T1w.h5")
    assert tokens.record.subject == "sub-0001" and not tokens.record.sex and tokens.latents
    assert "sub-0001" in (output / "sub-0001.html").read_text() and (output / "sub-0002.html").exists()


def test_a_synthetic_image_names_the_scan_of_its_anatomy_and_that_of_its_appearance(finished):
    facts = json.loads((finished[1] / f"{STEM}_desc-synth_T2w.json").read_text())
    assert facts["Sources"] == [f"bids:raw:{STEM}_T1w.nii.gz", f"bids:raw:{STEM}_T2w.nii.gz"]


def test_the_validator_finds_no_error_in_the_data_set_or_its_derivatives(finished):
    # one by one: of a data set below `derivatives` the validator doesn't read the .bidsignore
    assert errors_of(finished[0]) == [] and errors_of(finished[1]) == []


def test_a_second_run_skips_what_is_finished_and_makes_anew_what_changed(dataset, model, tmp_path, capsys):
    output = tmp_path / "out"
    assert run(dataset, output, model) == 0
    first = capsys.readouterr().out
    assert first.count(": finished (") == 2
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.nii.gz")}
    assert run(dataset, output, model) == 0
    assert capsys.readouterr().out.count("finished before") == 2
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*.nii.gz")} == before
    (output / f"{STEM}_desc-recon_T1w.nii.gz").unlink()  # and a scan that is gone takes what was made of it along
    (dataset / f"{STEM}_T2w.nii.gz").unlink()
    assert run(dataset, output, model) == 0
    said = capsys.readouterr().out
    assert "sub-0001_ses-01: finished (" in said and said.count("finished before") == 1
    assert (output / f"{STEM}_desc-recon_T1w.nii.gz").exists()
    assert not list(output.glob("sub-0001/**/*T2w*")), "nothing is left of the scan that is gone"


def test_a_session_that_lacks_a_modality_gets_an_image_of_it_where_like_says_how_it_looks(dataset, model, tmp_path):
    like = str(dataset / f"{STEM}_T2w.nii.gz")
    assert run(dataset, tmp_path / "out", model, "--participant-label", "sub-0002", "--like", like) == 0
    anat = tmp_path / "out/sub-0002/ses-01/anat"
    facts = json.loads((anat / "sub-0002_ses-01_desc-synth_T2w.json").read_text())
    assert facts["Sources"] == ["bids:raw:sub-0002/ses-01/anat/sub-0002_ses-01_T1w.nii.gz"]
    assert nib.load(anat / "sub-0002_ses-01_desc-synth_T2w.nii.gz").get_fdata().std() > 0
    assert not (anat / "sub-0002_ses-01_desc-recon_T2w.nii.gz").exists()


def test_one_bad_session_is_named_and_stops_no_other(dataset, model, tmp_path, capsys):
    bad = dataset / f"{STEM}_T1w.nii.gz"
    bad.write_bytes(bad.read_bytes()[:500])
    output = tmp_path / "out"
    assert run(dataset, output, model) == 1
    told = capsys.readouterr()
    assert "failed: sub-0001_ses-01" in told.err and "truncated" in told.err and "1 of 2 sessions finished" in told.out
    assert record.read(output, "sub-0002_ses-01") and not list(output.glob("sub-0001/**/*.nii.gz"))
    assert "truncated" in (output / "logs/sub-0001_ses-01.log").read_text()


def test_an_error_that_nobody_foresaw_costs_its_session_alone(dataset, model, tmp_path, capsys, monkeypatch):
    from neuroquant.bids_app.encode import Encoder

    encode = Encoder.encode
    broken = lambda self, root, files: 1 / 0 if files.subject == "0001" else encode(self, root, files)  # noqa: E731
    monkeypatch.setattr(Encoder, "encode", broken)
    assert run(dataset, tmp_path / "out", model) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert "Traceback" in (tmp_path / "out/logs/sub-0001_ses-01.log").read_text()
    assert record.read(tmp_path / "out", "sub-0002_ses-01")


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_an_image_that_is_no_number_somewhere_costs_its_session(dataset, model, tmp_path, capsys, monkeypatch, value):
    from neuroquant.models.neuroquant.model import NeuroQuant

    decode, third = NeuroQuant.decode, torch.tensor(3)
    monkeypatch.setattr(NeuroQuant, "decode", lambda *given: decode(*given).index_fill(2, third, float(value)))
    assert run(dataset, tmp_path / "out", model, "--participant-label", "0002") == 1
    assert "NaN or infinite voxels" in capsys.readouterr().err and not list((tmp_path / "out").rglob("*.nii.gz"))


def test_masks_that_an_earlier_run_wrote_are_not_given_masks(dataset, model):
    output = dataset / "derivatives/neuroquant"
    assert run(dataset, output, model, "--participant-label", "0002") == 0
    assert record.read(output, "sub-0002_ses-01").facts["mask_from"] == "given mask", "that of the ground truth"
    shutil.rmtree(dataset / "derivatives/ground_truth")
    assert run(dataset, output, model, "--participant-label", "0002") == 0
    assert record.read(output, "sub-0002_ses-01").facts["mask_from"] == "skull-stripped scans"


@pytest.mark.parametrize("kept", ["page", "pictures"])
def test_finished_sessions_are_skipped_without_the_work_folder_too(dataset, model, tmp_path, capsys, kept):
    output = tmp_path / "out"
    assert run(dataset, output, model, "--participant-label", "0002") == 0
    shutil.rmtree(output / "work") if kept == "page" else (output / "sub-0002.html").unlink()
    capsys.readouterr()
    assert run(dataset, output, model, "--participant-label", "0002") == 0
    told = capsys.readouterr().out
    assert "finished before" in told and (output / "sub-0002.html").exists()
    assert ("stays as it is" in told) == (kept == "page")

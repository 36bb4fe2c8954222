"""What can't be run is said in a sentence, with exit status 2, before anything is written."""

import json
import os

import pytest

from neuroquant.bids_app import checks
from neuroquant.cli import main
from tests.bids_app.test_participant import run
from tests.derivatives.conftest import save_small_model


def refused(capsys, status, *words):
    told = capsys.readouterr().err
    assert status == 2 and "Traceback" not in told
    for word in words:
        assert word in told, told


def test_a_folder_that_is_no_data_set(tmp_path, model, capsys):
    (tmp_path / "bids").mkdir()
    refused(capsys, run(tmp_path / "nowhere", tmp_path / "out", model), "no such folder")
    refused(capsys, run(tmp_path / "bids", tmp_path / "out", model), "no dataset_description.json")
    (tmp_path / "bids/dataset_description.json").write_text('{"Name": "x"}')
    refused(capsys, run(tmp_path / "bids", tmp_path / "out", model), "no Name and BIDSVersion")
    (tmp_path / "bids/dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    refused(capsys, run(tmp_path / "bids", tmp_path / "out", model), "no folder sub-*")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["", "sub-0001", "results", "derivatives"])
def test_an_output_folder_inside_the_data_set(dataset, model, capsys, where):
    before = {path for path in dataset.rglob("*")}
    refused(capsys, run(dataset, dataset / where, model), "inside the data set", "derivatives")
    assert {path for path in dataset.rglob("*")} == before


def test_an_output_folder_around_the_data_set_or_of_another_program(dataset, model, tmp_path, capsys):
    refused(capsys, run(dataset, dataset.parent, model), "around the data set")
    (tmp_path / "other").mkdir()
    other = {"Name": "x", "BIDSVersion": "1.9.0", "GeneratedBy": [{"Name": "fMRIPrep"}]}
    (tmp_path / "other/dataset_description.json").write_text(json.dumps(other))
    refused(capsys, run(dataset, tmp_path / "other", model), "another program's data set")
    work = str(dataset / "work")
    refused(capsys, run(dataset, tmp_path / "out", model, "--work-dir", work), "--work-dir", "inside the data set")


def test_a_read_only_output_folder(dataset, model, tmp_path, capsys):
    refused(capsys, run(dataset, "/proc/neuroquant/out", model), "can't be written")
    (tmp_path / "file").write_text("notes")
    refused(capsys, run(dataset, tmp_path / "file/out", model), "is a file")
    if os.geteuid() == 0:
        return
    (tmp_path / "locked").mkdir(mode=0o500)
    refused(capsys, run(dataset, tmp_path / "locked/out", model), "can't be written")


def test_labels_that_do_not_exist(dataset, model, tmp_path, capsys):
    status = run(dataset, tmp_path / "out", model, "--participant-label", "0001", "7")
    refused(capsys, status, "--participant-label 7", "one of its 2: 0001, 0002")
    status = run(dataset, tmp_path / "out", model, "--session-label", "ses-09")
    refused(capsys, status, "--session-label 09", "01")
    assert not list((tmp_path / "out").rglob("*.nii.gz"))


def test_a_model_that_is_missing_or_of_other_modalities(dataset, model, tmp_path, capsys):
    status = main(["bids", str(dataset), str(tmp_path / "out"), "participant"])
    refused(capsys, status, "--model")
    refused(capsys, run(dataset, tmp_path / "out", tmp_path / "nowhere"), "nowhere")
    other = save_small_model(tmp_path / "flair", modalities=("FLAIR", "PDw"))
    refused(capsys, run(dataset, tmp_path / "out", other), "no FLAIR or PDw scan", "modalities")
    assert not (tmp_path / "out/dataset_description.json").exists()


def test_two_scans_of_one_modality_that_say_how_it_looks(dataset, model, tmp_path, capsys):
    scans = [str(path) for path in sorted(dataset.glob("sub-*/*/anat/*_T1w.nii.gz"))]
    refused(capsys, run(dataset, tmp_path / "out", model, "--like", *scans), scans[1], "a second T1w scan")
    assert not (tmp_path / "out/dataset_description.json").exists()


def test_a_session_without_a_usable_scan_is_a_failure_of_its_own(dataset, model, tmp_path, capsys):
    for path in dataset.glob("sub-0002/*/anat/*.nii.gz"):
        path.unlink()
    assert run(dataset, tmp_path / "out", model) == 1
    assert "failed: sub-0002_ses-01" in (told := capsys.readouterr().err) and "no T1w or T2w scan" in told
    assert run(dataset, tmp_path / "out", model, "--participant-label", "0002") == 1
    assert "failed: sub-0002_ses-01" in capsys.readouterr().err, "when it is asked for alone, too"


def test_the_validator_is_asked_first_where_it_is_installed(dataset, tmp_path, capsys, monkeypatch):
    script = tmp_path / "bids-validator-deno"
    issue = {"code": "NOT_INCLUDED", "severity": "error", "location": "/odd.nii.gz"}
    script.write_text(f"#!/bin/sh\necho '{json.dumps({'issues': {'issues': [issue]}})}'\n")
    script.chmod(0o755)
    monkeypatch.setattr(checks.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    status = main(["bids", str(dataset), str(tmp_path / "out"), "participant", "--model", str(tmp_path)])
    refused(capsys, status, "1 errors of the BIDS validator: NOT_INCLUDED /odd.nii.gz", "--skip-bids-validation")
    monkeypatch.setattr(checks, "VALIDATORS", ("no-such-validator",))
    checks.validate(dataset)
    assert "isn't installed" in capsys.readouterr().out


def test_the_group_level_wants_finished_sessions(dataset, tmp_path, capsys):
    refused(capsys, main(["bids", str(dataset), str(tmp_path / "out"), "group"]), "no finished session")

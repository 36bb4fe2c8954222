"""What a model made of the test sessions, as other tools read it."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from neuroquant.cli import main
from neuroquant.derivatives.workflow import Inputs, ShardPaths, pairs, write_derivatives
from neuroquant.files import read_tsv, sha256
from neuroquant.tokenizer import read_tokens
from tests.derivatives.validator import errors_of

STEM = "sub-0001/ses-01/anat/sub-0001_ses-01"


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("derivatives") / "neuroquant/mine"
    shard = ShardPaths(**results.files)
    inputs = Inputs(results.model, results.raw, "Mine", (shard,), (results.training,))
    write_derivatives(inputs, out, "cpu", 1)
    return out


def test_each_scan_has_a_reconstruction_on_its_own_grid_and_the_session_a_mask(written, results):
    for modality in ("T1w", "T2w"):
        scan, made = (
            nib.load(results.raw / f"{STEM}_{modality}.nii.gz"),
            nib.load(written / f"{STEM}_desc-recon_{modality}.nii.gz"),
        )
        assert made.shape == scan.shape and np.allclose(made.affine, scan.affine)
    mask = nib.load(written / f"{STEM}_desc-brain_mask.nii.gz")
    brain = np.asarray(nib.load(results.raw / f"{STEM}_T1w.nii.gz").dataobj) > 0
    assert mask.get_data_dtype() == np.uint8 and np.mean(np.asarray(mask.dataobj)[brain]) > 0.9
    assert not list(written.rglob("*space-T2w*_mask*")), "both scans have one grid"


def test_a_sidecar_names_the_scan_the_model_and_its_weights(written, results):
    facts = json.loads((written / f"{STEM}_desc-recon_T1w.json").read_text())
    assert facts["Sources"] == [f"bids:raw:{STEM}_T1w.nii.gz"] and facts["SkullStripped"] is True
    assert facts["Model"] == {"Name": "neuroquant", "WeightsSHA256": sha256(results.model / "model.safetensors")}
    described = json.loads((written / "dataset_description.json").read_text())
    assert described["DatasetType"] == "derivative" and described["GeneratedBy"][0]["Version"]
    assert (written / described["DatasetLinks"]["raw"]).resolve() == results.raw.resolve()


def test_segmentations_are_called_after_their_program_and_have_a_table_of_structures(written):
    table = read_tsv(written / "desc-synthseg_dseg.tsv")
    assert dict(zip(table["index"], table["name"], strict=True)) == {
        "0": "background", "2": "left cerebral white matter", "4": "left lateral ventricle",
    }  # fmt: skip
    for name, space in ((f"{STEM}_desc-synthseg_dseg", "T1w"), (f"{STEM}_space-T2w_desc-synthseg_dseg", "T2w")):
        assert set(np.unique(nib.load(written / f"{name}.nii.gz").dataobj)) == {0, 2, 4}
        facts = json.loads((written / f"{name}.json").read_text())
        assert facts["SpatialReference"] == f"bids:raw:{STEM}_{space}.nii.gz" and facts["StandIn"] is False
        assert facts["Sources"] == [f"bids::{STEM}_desc-recon_{space}.nii.gz"]


def test_tokens_decode_to_the_reconstruction_and_say_nothing_of_the_person(written, results, tmp_path):
    path = written / f"{STEM}_desc-tokens_T1w.h5"
    (tokens,) = read_tokens(path)
    assert (tokens.record.subject, tokens.record.session) == ("sub-0001", "ses-01")
    assert not tokens.record.sex and not tokens.record.family and np.isnan(tokens.record.age)
    assert main(["decode", str(results.model), str(path), "--out", str(tmp_path), "--device", "cpu"]) == 0
    made = nib.load(tmp_path / "sub-0001_ses-01_T1w.nii.gz").get_fdata()
    expected = nib.load(written / f"{STEM}_desc-recon_T1w.nii.gz").get_fdata()
    np.testing.assert_allclose(made, expected, atol=0.02 * expected.max())


def test_each_modality_is_also_made_of_the_other_one_with_its_anatomy(written, results):
    made = nib.load(written / f"{STEM}_desc-synth_T2w.nii.gz")
    facts = json.loads((written / f"{STEM}_desc-synth_T2w.json").read_text())
    assert facts["Sources"] == [f"bids:raw:{STEM}_T1w.nii.gz"] and "T2w made of the T1w scan" in facts["Description"]
    recon = nib.load(written / f"{STEM}_desc-recon_T2w.nii.gz")
    assert made.shape == recon.shape and not np.array_equal(made.get_fdata(), recon.get_fdata())
    assert list(pairs(("T1w", "T2w", "FLAIR"), ("T2w", "FLAIR"))) == [
        ("T1w", "T2w"),
        ("T2w", "FLAIR"),
        ("FLAIR", "T2w"),
    ]
    assert list(pairs(("T1w",), ("T1w",))) == []


def test_the_validator_finds_no_error(written):
    assert errors_of(written) == []


def test_restore_writes_the_same_layout(results, tmp_path, capsys):
    shards = {kind: str(path) for kind, path in results.files.items()}
    call = [
        "restore",
        shards["reconstructions"],
        "--volumes",
        shards["volumes"],
        "--out",
        str(tmp_path / "out"),
        "--bids",
    ]
    assert main(call) == 0
    names = {Path(line).relative_to(tmp_path / "out").as_posix() for line in capsys.readouterr().out.split()}
    assert {f"{STEM}_desc-recon_T1w.nii.gz", f"{STEM}_desc-brain_mask.nii.gz"} <= names
    facts = json.loads((tmp_path / f"out/{STEM}_desc-recon_T1w.json").read_text())
    assert facts["Model"]["WeightsSHA256"] == sha256(results.model / "model.safetensors")
    assert main(["restore", shards["segmentations"], "--out", str(tmp_path / "seg"), "--bids"]) == 0
    assert (tmp_path / f"seg/{STEM}_space-T2w_desc-synthseg_dseg.nii.gz").exists()
    assert main(["restore", shards["volumes"], "--out", str(tmp_path / "volumes"), "--bids"]) == 0
    assert (tmp_path / f"volumes/{STEM}_desc-preproc_T2w.nii.gz").exists()
    for folder in ("out", "seg", "volumes"):
        assert errors_of(tmp_path / folder) == []


def test_restore_as_bids_refuses_a_shard_outside_of_its_results(results, tmp_path, capsys):
    shard = tmp_path / "test-000.h5"
    shard.write_bytes(results.files["reconstructions"].read_bytes())
    assert main(["restore", str(shard), "--out", str(tmp_path / "out"), "--bids"]) == 1
    assert "no manifest that names the scans" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "where, reason",
    [
        ("raw", "inside the data set"),
        ("raw/nii", "inside the data set"),
        ("other", "another program's"),
        ("shards", "within that of"),
    ],
)
def test_restore_as_bids_writes_into_no_data_set_but_its_own(results, tmp_path, capsys, where, reason):
    other = tmp_path / "other"
    other.mkdir()
    (other / "dataset_description.json").write_text('{"Name": "x", "GeneratedBy": [{"Name": "fMRIPrep"}]}')
    shard = results.files["reconstructions"]
    out = {"raw": results.raw, "raw/nii": results.raw / "nii", "other": other, "shards": shard.parent / "nii"}[where]
    before = {path: path.read_bytes() for path in (results.raw / "dataset_description.json", *other.iterdir())}
    assert main(["restore", str(shard), "--out", str(out), "--bids"]) == 1
    assert reason in capsys.readouterr().err
    assert all(path.read_bytes() == text for path, text in before.items()) and not list(out.rglob("*desc-recon*"))


def test_the_script_of_the_rule_takes_what_the_rule_gives_it(results, tmp_path):
    out = tmp_path / "derivatives/neuroquant/mine"
    shards = {"test-000": {name: str(path) for name, path in results.files.items()}}
    given = SimpleNamespace(
        rule="write_derivatives",
        wildcards={"model": "neuroquant", "cohort": "mine"},
        log=[str(tmp_path / "logs/write_derivatives/x.log")],
        threads=1,
        input=SimpleNamespace(model=str(results.model / "model.safetensors"), training=[str(results.training)]),
        output=SimpleNamespace(derivatives=str(out)),
        params=SimpleNamespace(root=str(results.raw), title="Mine", shards=json.dumps(shards), device="cpu"),
    )
    script = Path(__file__).parents[2] / "workflow_scripts/derivatives.py"
    runpy.run_path(str(script), init_globals={"snakemake": given})
    assert (out / f"{STEM}_desc-recon_T1w.nii.gz").exists() and (out / "dataset_description.json").exists()

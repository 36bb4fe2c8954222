"""`neuroquant validate` and `neuroquant restore`, as a user types them."""

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from neuroquant.cli import main

sys.path.insert(0, str(Path(__file__).parent / "volumes"))
from heads import Shard, ball  # noqa: E402


def write_scan(path, shape=(20, 22, 18)):
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    nib.save(nib.Nifti1Image(generator.integers(0, 500, shape).astype(np.int16), np.diag([2.0, 2.0, 2.0, 1.0])), path)


@pytest.fixture
def experiment(tmp_path):
    """A small BIDS folder, one subject of which has no T2w, and an experiment that reads it."""
    root = tmp_path / "bids"
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    people = ["participant_id\tsex\tage"]
    for number in range(1, 9):
        people.append(f"sub-{number:02d}\t{'FM'[number % 2]}\t{20 + number}")
        for kind in ("T1w", "T2w") if number < 8 else ("T1w",):
            write_scan(root / f"sub-{number:02d}/anat/sub-{number:02d}_{kind}.nii.gz")
    (root / "participants.tsv").write_text("\n".join(people) + "\n")
    shown = {"rows": ["neuroquant"], "cohorts": ["mine"]}
    config = {
        "experiment": "mine", "cohorts": [{"name": "mine", "root": str(root)}], "models": ["neuroquant"],
        "table1": shown, "table2": shown, "figure4": {"cohort": "mine", "rows": ["neuroquant"]},
        "split": {"train": 0.5, "val": 0.0, "test": 0.5},
    }  # fmt: skip
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    return tmp_path / "mine.yaml"


def test_validate_says_who_is_in_who_is_out_and_what_they_look_like(experiment, capsys):
    assert main(["validate", str(experiment), "--excluded"]) == 0
    said = capsys.readouterr().out
    assert "in   7 sessions of 7 subjects" in said and "1  no T2w scan, e.g. sub-08" in said
    assert "sub-08: no T2w scan (sub-08/anat/sub-08_T1w.nii.gz)" in said
    assert "3 F, 4 M" in said and "20 x 22 x 18 voxels: 7" in said and "2 x 2 x 2 mm: 7" in said
    assert "21.0 to 27.0 years" in said and "(subjects)" in said
    assert not list(experiment.parent.glob("results*")), "nothing is written"


def test_validate_says_what_there_is_to_choose_from_and_where_scans_come_from(experiment, capsys):
    root = experiment.parent / "bids"
    for number in (1, 2):
        write_scan(root / f"sub-{number:02d}/anat/sub-{number:02d}_run-2_T1w.nii.gz")
    people = (root / "participants.tsv").read_text().splitlines()
    people = [people[0] + "\tsite", *(f"{row}\t{'AB'[n % 2]}" for n, row in enumerate(people[1:]))]
    (root / "participants.tsv").write_text("\n".join(people) + "\n")
    assert main(["validate", str(experiment)]) == 0
    said = capsys.readouterr().out
    assert "2 sessions with more than one T1w scan: the plainest, then the first by name is taken" in said
    assert "`entities` chooses; passed over: sub-01_run-2_T1w.nii.gz; sub-02_run-2_T1w.nii.gz" in said
    assert "sites     4 A, 3 B" in said and "scanners" not in said
    assert "--excluded lists each" in said and "sub-08/anat" not in said


def test_validate_goes_on_to_the_next_cohort_after_one_that_cannot_be_used(experiment, capsys):
    config = yaml.safe_load(experiment.read_text())
    config["cohorts"].insert(0, {"name": "gone", "root": str(experiment.parent / "elsewhere")})
    experiment.write_text(yaml.safe_dump(config))
    assert main(["validate", str(experiment)]) == 1
    told = capsys.readouterr()
    assert "no such folder" in told.err and "in   7 sessions" in told.out


def test_validate_names_what_is_wrong_with_a_folder(experiment, capsys):
    config = yaml.safe_load(experiment.read_text())
    config["cohorts"][0]["root"] = str(experiment.parent / "elsewhere")
    experiment.write_text(yaml.safe_dump(config))
    assert main(["validate", str(experiment)]) == 1
    assert "no such folder" in capsys.readouterr().err


def test_restore_writes_each_image_on_the_grid_of_its_scan(tmp_path, capsys):
    shard = Shard(tmp_path)
    shard.add("a", labels=np.where(ball(), 3, 0)), shard.add("b")
    shard.run(percentiles=(0.0, 100.0))
    call = ["restore", str(tmp_path / "out/test-000.h5"), "--out", str(tmp_path / "nii")]
    capsys.readouterr()
    assert main([*call, "--subject", "a"]) == 0
    names = sorted(path.name for path in (tmp_path / "nii").iterdir())
    assert names == ["a_ses-1_T1w.nii.gz", "a_ses-1_T2w.nii.gz"]
    assert capsys.readouterr().out.split() == [str(tmp_path / "nii" / name) for name in names]
    scan, back = nib.load(tmp_path / "a_T1w.nii.gz"), nib.load(tmp_path / "nii/a_ses-1_T1w.nii.gz")
    np.testing.assert_allclose(back.affine, scan.affine)
    np.testing.assert_allclose(back.get_fdata(), scan.get_fdata(), atol=0.5)
    assert main([*call, "--subject", "c"]) == 1
    assert "no subject c" in capsys.readouterr().err


def test_restore_refuses_masks_of_other_sessions(tmp_path, capsys):
    shard = Shard(tmp_path)
    shard.add("a")
    shard.run("one")
    shard.add("b")
    shard.run("two")
    one, two = (str(tmp_path / name / "test-000.h5") for name in ("one", "two"))
    assert main(["restore", one, "--volumes", two, "--out", str(tmp_path / "nii")]) == 1
    assert "other sessions" in capsys.readouterr().err

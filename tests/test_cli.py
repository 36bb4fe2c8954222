"""`neuroquant validate` and `neuroquant restore`, as a user types them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from neuroquant import __version__, commands
from neuroquant.cli import COMMANDS, main
from neuroquant.cluster.plan import cohorts_lines
from neuroquant.config.load import load_experiment
from tests.volumes.heads import Shard, ball

CONFIG = Path(__file__).parents[1] / "config"


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
    shown = {"models": ["neuroquant"], "cohorts": ["mine"]}
    config = {
        "experiment": "mine", "cohorts": [{"name": "mine", "root": str(root)}], "models": ["neuroquant"],
        "table1": shown, "table2": shown, "figure4": {"cohort": "mine", "models": ["neuroquant"]},
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


def test_validate_says_what_is_known_of_the_targets_of_probes_and_refuses_one_of_a_single_value(experiment, capsys):
    root, config = experiment.parent / "bids", yaml.safe_load(experiment.read_text())
    people = (root / "participants.tsv").read_text().splitlines()
    people = [people[0] + "\tIQ\tarm", *(f"{row}\t{90 + n if n else 'n/a'}\tA" for n, row in enumerate(people[1:]))]
    (root / "participants.tsv").write_text("\n".join(people) + "\n")
    experiment.write_text(yaml.safe_dump(config | {"probe": {"targets": ["sex", "iq"]}}))
    assert main(["validate", str(experiment)]) == 0
    assert "target    iq: known of 6 of 7 sessions, 6 different values, 91 to 96" in capsys.readouterr().out
    experiment.write_text(yaml.safe_dump(config | {"probe": {"targets": ["iq", "arm"]}}))
    assert main(["validate", str(experiment)]) == 1
    told = capsys.readouterr()
    assert "probe.targets: arm" in told.err and "'A' alone, of 8 subjects" in told.err and "target    arm" in told.out


def test_validate_names_what_is_wrong_with_a_folder(experiment, capsys):
    config = yaml.safe_load(experiment.read_text())
    config["cohorts"][0]["root"] = str(experiment.parent / "elsewhere")
    experiment.write_text(yaml.safe_dump(config))
    assert main(["validate", str(experiment)]) == 1
    assert "no such folder" in capsys.readouterr().err


def test_validate_gives_counts_that_add_up_and_names_what_it_did_not_look_at(experiment, capsys):
    root = experiment.parent / "bids"
    write_scan(root / "sub-01/anat/sub-01_FLAIR.nii.gz"), write_scan(root / "sub-02/func/bold.nii.gz")
    write_scan(root / "sub-02/func/bold2.nii.gz")
    (root / "sub-09/anat").mkdir(parents=True)
    (root / "participants.tsv").write_text((root / "participants.tsv").read_text() + "sub-77\tF\t1\n")
    assert main(["validate", str(experiment)]) == 0
    said = capsys.readouterr().out
    assert "found     9 sessions of 9 subjects" in said and "out  2 sessions, all there are of 2 subjects" in said
    assert "18 below the root look like scans: 14 used, 1 of sessions that are out, 3 not looked at" in said
    assert "1  of a modality that the experiment doesn't use, e.g. sub-01/anat/sub-01_FLAIR.nii.gz: name it in" in said
    assert "2  in a folder of other data than anatomy, e.g. sub-02/func" in said
    assert "1  a row of participants.tsv without a folder, e.g. sub-77: supply the scans" in said
    assert main(["validate", str(experiment), "--excluded"]) == 0
    assert "sub-02/func (2 files): in a folder of other data" in capsys.readouterr().out


def test_validate_says_that_voxels_were_not_read_and_what_is_still_to_be_checked(experiment, capsys):
    main(["validate", str(experiment)])
    said = capsys.readouterr().out
    assert "voxels weren't" in said and "has yet to check" in said


def test_validate_fails_where_the_split_cannot_be_made(experiment, capsys):
    config = yaml.safe_load(experiment.read_text())
    config["split"] = {"counts": {"mine": [1, 1, 1]}}
    experiment.write_text(yaml.safe_dump(config))
    assert main(["validate", str(experiment)]) == 1
    assert "can't be made as configured" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["T1w", "T2w"])
def test_validate_fails_where_nobody_is_in_and_says_how_one_modality_can_be_used(experiment, capsys, kind):
    for path in (experiment.parent / "bids").rglob(f"*_{ {'T1w': 'T2w', 'T2w': 'T1w'}[kind] }.nii.gz"):
        path.unlink()
    write_scan(experiment.parent / f"bids/sub-08/anat/sub-08_{kind}.nii.gz")
    assert main(["validate", str(experiment)]) == 1
    said = capsys.readouterr().out
    assert f"8 with {kind} only; `require: any` in the cohort's file keeps them" in said
    assert "no usable session" in said
    experiment.write_text(experiment.read_text().replace("root:", "require: any\n  root:"))
    assert main(["validate", str(experiment)]) == 0
    assert "require: any" not in capsys.readouterr().out


def test_a_plan_says_who_is_in_and_what_keeps_a_cohort_from_being_used(experiment):
    lines, faults = cohorts_lines(load_experiment(experiment, CONFIG))
    said = "\n".join(lines)
    assert "mine: 7 sessions of 7 subjects in, 1 out" in said and "voxels weren't" in said and not faults
    assert "1 with T1w only; `require: any`" in said
    for path in (experiment.parent / "bids").rglob("*_T2w.nii.gz"):
        path.unlink()
    (fault,) = cohorts_lines(load_experiment(experiment, CONFIG))[1]
    assert "no usable session: no T2w scan (8)" in fault.found and "require: any" in fault.remedy


def test_a_plan_without_snakemake_says_who_is_in_and_how_large_it_gets(experiment, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("neuroquant.extras.find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    assert main(["plan", str(experiment)]) == 1
    said = capsys.readouterr()
    assert "mine: 7 sessions of 7 subjects in, 1 out" in said.out
    volumes = float(re.search(r"volumes ([\d.]+) GB", said.out)[1])
    assert volumes == pytest.approx(7 * 2 * 144 * 192 * 144 * 2 / 1e9, rel=0.1), "pairs as float16"
    assert 'pip install "neuroquant[workflow]"' in said.err
    assert not list(tmp_path.glob("results*")), "nothing is written"


def test_names_of_bytes_that_are_not_utf8_can_be_printed(experiment):
    root = experiment.parent / "bids"
    write_scan(root / os.fsdecode(b"sub-08/anat/sub-08_\xff_T2w.nii.gz"))
    command = [sys.executable, "-m", "neuroquant.cli", "validate", str(experiment), "--excluded"]
    done = subprocess.run(command, capture_output=True, check=False, cwd=CONFIG.parent)
    assert done.returncode == 0 and rb"sub-08_\xff_T2w.nii.gz isn't named" in done.stdout, done.stderr


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
    before = sorted((tmp_path / "out").rglob("*"))
    assert main([*call[:3], str(tmp_path / "out/nii")]) == 1
    assert "a folder within that of" in capsys.readouterr().err and sorted((tmp_path / "out").rglob("*")) == before


def test_restore_refuses_masks_of_other_sessions(tmp_path, capsys):
    shard = Shard(tmp_path)
    shard.add("a")
    shard.run("one")
    shard.add("b")
    shard.run("two")
    one, two = (str(tmp_path / name / "test-000.h5") for name in ("one", "two"))
    assert main(["restore", one, "--volumes", two, "--out", str(tmp_path / "nii")]) == 1
    assert "other sessions" in capsys.readouterr().err


def test_every_command_is_listed_and_its_options_need_none_of_the_work():
    folder = Path(commands.__file__).parent
    assert set(COMMANDS) == {path.stem for path in folder.glob("*.py") if "def add_parser(" in path.read_text()}
    code = "import sys; import neuroquant.cli as cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'numpy', 'pydantic', 'yaml', 'nibabel', 'h5py') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in COMMANDS)


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out == f"neuroquant {__version__}\n"


def test_a_reader_who_has_seen_enough_gets_no_stack():
    command = f'"{sys.executable}" -m neuroquant.cli example config | head -n 1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, cwd=CONFIG.parent)
    assert done.stdout.startswith("# yaml-language-server") and done.stderr == ""


def test_an_example_is_printed_whole_and_finds_its_schema_from_anywhere(capsys):
    assert main(["example", "bids"]) == 0
    said, shipped = capsys.readouterr().out, CONFIG / "examples/bids.yaml"
    assert said.splitlines()[1:] == shipped.read_text().splitlines()[1:]
    assert Path(said.splitlines()[0].partition("$schema=")[2]).is_file()
    assert main(["example"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert {"bids", "one_gpu", "demo", "config", "cohorts/ixi", "models/neuroquant"} <= listed
    assert main(["example", "models/pcaa"]) == 1
    assert "did you mean 'models/pca'?" in capsys.readouterr().err


def test_the_workflow_is_where_the_command_says(capsys):
    assert main(["workflow"]) == 0
    assert Path(capsys.readouterr().out.strip()).samefile(CONFIG.parent / "Snakefile")

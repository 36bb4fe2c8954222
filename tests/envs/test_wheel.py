"""The wheel in an environment with the core alone, used from another folder: no checkout, no extras, no network."""

import importlib.util
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from neuroquant import __version__, models
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.model_folder import save_model
from tests.training.helpers import PARAMETERS
from tests.volumes.heads import Shard

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling, which builds it, is missing"),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def core() -> set[str]:
    """Installed distributions that a plain `pip install neuroquant` brings."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    waiting, found = [Requirement(line) for line in asked], set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += [Requirement(line) for line in metadata.requires(name) or []]
    return found


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A virtual environment of the wheel and links to the packages of the core, and to no others."""
    folder = tmp_path_factory.mktemp("env")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin/python"
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in core():
        held = metadata.distribution(name)
        for top in {file.parts[0] for file in held.files or []} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(held.locate_file(top))
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, env=os.environ | {"PYTHONPATH": ""})
    return folder / "bin"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """A folder with a small NeuroQuant, a pair of scans, their shard, and a BIDS folder of four people."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("elsewhere")
    volume = Volume(shape=(32, 32, 32), percentiles=(0.0, 100.0), brain_ml_min=10, structure_min=0, match_min=0)
    entry = ModelEntry(name="small", architecture="neuroquant", parameters=PARAMETERS)
    save_model(folder / "model", models.build("neuroquant", PARAMETERS), entry, volume, {})
    shard = Shard(folder)
    shard.add("a")
    shard.run(percentiles=(0.0, 100.0))
    people = ["participant_id\tsex"]
    for number in range(1, 5):
        people.append(f"sub-{number}\t{'FM'[number % 2]}")
        anat = folder / f"bids/sub-{number}/anat"
        anat.mkdir(parents=True)
        for kind in ("T1w", "T2w"):
            nib.save(nib.load(folder / f"a_{kind}.nii.gz"), anat / f"sub-{number}_{kind}.nii.gz")
    (folder / "bids/participants.tsv").write_text("\n".join(people) + "\n")
    (folder / "bids/dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    return folder


@pytest.fixture
def run(environment, elsewhere):
    """Call a command of the environment in that folder; returns what it did."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def call(*command: str, status: int = 0) -> subprocess.CompletedProcess:
        whole = [str(environment / command[0]), *command[1:]]
        done = subprocess.run(whole, cwd=elsewhere, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    return call


def test_the_wheel_has_every_file_of_the_package_its_configurations_and_the_workflow(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not tracked:
        pytest.skip("no git checkout")
    shipped = ("config/", "demo/", "profiles/", "rules/", "slurm/", "workflow_scripts/", "Snakefile")
    for name in tracked:
        if name.startswith("neuroquant/"):
            assert name in held
        elif name.startswith(shipped) and name != "workflow_scripts/neuroquant":
            assert f"neuroquant/workflow/{name}" in held
    assert not [name for name in held if name.startswith("neuroquant/workflow/workflow_scripts/neuroquant")]
    assert {name.split("/")[0] for name in held} == {"neuroquant", f"neuroquant-{__version__}.dist-info"}


def test_the_environment_has_no_package_of_an_extra(run):
    code = "from importlib.util import find_spec; from neuroquant.extras import PACKAGES; "
    assert run("python", "-c", code + "print([name for name in PACKAGES if find_spec(name)])").stdout == "[]\n"


def test_the_version_and_the_help_are_shown(run):
    assert run("neuroquant", "--version").stdout == f"neuroquant {__version__}\n"
    assert "encode" in run("neuroquant", "--help").stdout


def test_scans_become_tokens_and_images_again(run, elsewhere):
    run("neuroquant", "encode", "model", "a_T1w.nii.gz", "a_T2w.nii.gz", "--out", "tokens")
    (made,) = run("neuroquant", "decode", "model", "tokens/a_T1w.h5", "--out", "images").stdout.split()
    assert nib.load(elsewhere / made).shape == nib.load(elsewhere / "a_T1w.nii.gz").shape
    run("neuroquant", "translate", "model", "a_T1w.nii.gz", "--like", "a_T2w.nii.gz", "--out", "made_T2w.nii.gz")
    assert np.isfinite(nib.load(elsewhere / "made_T2w.nii.gz").get_fdata()).all()
    code = "import neuroquant; print(neuroquant.load('model').encode('a_T1w.nii.gz').record.modality)"
    assert run("python", "-c", code).stdout == "T1w\n"


def test_a_shard_is_restored(run):
    written = run("neuroquant", "restore", "out/test-000.h5", "--out", "restored").stdout.split()
    assert [Path(path).name for path in written] == ["a_ses-1_T1w.nii.gz", "a_ses-1_T2w.nii.gz"]


@pytest.fixture
def experiment(run, elsewhere):
    """The shipped example on the folder of scans, with a model of the user's own beside it."""
    mine = yaml.safe_load(run("neuroquant", "example", "bids").stdout)
    mine["cohorts"][0]["root"] = str(elsewhere / "bids")
    mine["models"].append("own")
    (elsewhere / "mine.yaml").write_text(yaml.safe_dump(mine))
    (elsewhere / "models").mkdir(exist_ok=True)
    (elsewhere / "models/own.yaml").write_text("extends: mean\nname: own\nlabel: Own mean\n")
    return "mine.yaml"


def test_an_example_is_copied_and_its_cohort_looked_at(run, experiment):
    assert "in   4 sessions of 4 subjects" in run("neuroquant", "validate", experiment).stdout
    said = run("neuroquant", "validate", "bids.yaml", status=1).stderr
    assert "neuroquant example bids > bids.yaml" in said


def test_a_plan_says_what_it_can_and_what_to_install_for_the_rest(run, experiment):
    done = run("neuroquant", "plan", experiment, status=1)
    assert "4 sessions of 4 subjects in" in done.stdout and "Disk below results/bids_example" in done.stdout
    assert 'pip install "neuroquant[workflow]"' in done.stderr


def test_the_workflow_is_planned_from_the_wheel_where_snakemake_is(environment, elsewhere, experiment):
    """The packages of this environment, but neuroquant of the wheel's, which comes first."""
    (packages,) = environment.parent.glob("lib/python*/site-packages")
    clean = os.environ | {"PYTHONPATH": str(packages)}
    code = "import sys; from neuroquant.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "plan", experiment]
    done = subprocess.run(command, cwd=elsewhere, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "rule" in done.stdout and " train " in done.stdout and "Hours by recorded rates" in done.stdout

"""One recipe: Dockerfile, Apptainer's definition and the chroot copy the same files and run the same steps."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "envs"))
import containers  # noqa: E402 - a script beside the environments, no part of the package

DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEFINITION = (ROOT / "envs/neuroquant.def").read_text()
RECIPE = (ROOT / "envs/recipe.sh").read_text()
CHROOT = (ROOT / "envs/chroot.sh").read_text()


def section(name: str) -> list[str]:
    """Lines of a section of Apptainer's definition."""
    found = re.search(rf"^%{name}\n(.*?)(?=^%|\Z)", DEFINITION, re.MULTILINE | re.DOTALL)
    return [line.strip() for line in found[1].splitlines() if line.strip()]


@pytest.mark.parametrize("name", containers.OUTPUTS)
def test_what_is_written_is_up_to_date(name):
    assert (ROOT / name).read_text() == containers.OUTPUTS[name](), "run: python envs/containers.py"


def test_all_images_hold_the_same_files_and_run_the_same_steps():
    copied = re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE, re.MULTILINE)
    assert copied == [tuple(line.split()) for line in section("files")] and len(copied) > 10
    assert [name for name, _ in copied] == (ROOT / "envs/files.txt").read_text().split()
    assert re.findall(r"^RUN (.*)$", DOCKERFILE, re.MULTILINE) == section("post") == [containers.STEPS]
    assert 'sh "$place/envs/recipe.sh"' in CHROOT and "envs/files.txt" in CHROOT


def test_all_images_start_from_the_same_debian():
    assert (
        re.search(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)[1]
        == re.search(r"^From: (\S+)", DEFINITION, re.MULTILINE)[1]
    )
    assert containers.BASE.startswith("debian:bookworm") and "--variant=minbase bookworm" in CHROOT


def test_debians_python_is_that_of_the_environment_of_conda():
    """Bookworm has Python 3.11."""
    assert "python=3.11" in yaml.safe_load((ROOT / "envs/neuroquant.yaml").read_text())["dependencies"]


def test_variables_are_the_same_in_all_images():
    docker = dict(line.split("=", 1) for line in re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE))
    apptainer = dict(line.removeprefix("export ").split("=", 1) for line in section("environment"))
    assert docker == apptainer == containers.VARIABLES


def test_every_file_that_is_copied_is_there_and_none_that_the_workflow_needs_is_left_out():
    for name in containers.FILES:
        assert (ROOT / name).exists(), name
    needed = {
        "Snakefile",
        "rules",
        "workflow_scripts",
        "neuroquant",
        "config",
        "profiles",
        "demo",
        "slurm",
        "pyproject.toml",
    }
    assert needed <= set(containers.FILES)


def test_an_image_has_exactly_the_lock():
    installs = re.findall(r"^venv/bin/pip install (.*)$", RECIPE, re.MULTILINE)
    assert installs[0].endswith("--requirement torch.lock")
    assert "--require-hashes" in installs[1] and "--no-deps" in installs[1]
    assert installs[1].endswith("--requirement requirements.lock")
    assert "--no-deps" in installs[2] and len(installs) == 3


@pytest.mark.parametrize("name", ["recipe.sh", "chroot.sh"])
def test_scripts_are_plain_shell(name):
    subprocess.run(["sh", "-n", str(ROOT / "envs" / name)], check=True)


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint isn't installed")
def test_dockerfile_has_no_lint():
    done = subprocess.run(["hadolint", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_chroot_says_how_it_is_called(tmp_path):
    done = subprocess.run([str(ROOT / "envs/chroot.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "build FOLDER" in done.stderr and "run FOLDER COMMAND" in done.stderr


@pytest.mark.parametrize("verb, reason", [("run", "nothing was built there"), ("rum", "run FOLDER COMMAND")])
def test_the_chroot_makes_no_folder_unless_it_builds_one(tmp_path, verb, reason):
    call = [str(ROOT / "envs/chroot.sh"), verb, str(tmp_path / "none"), "true"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode and reason in done.stderr and not (tmp_path / "none").exists()

"""One lock for everything: the environment of conda and the container hold its very packages."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
TORCH, LOCK = ((ROOT / name).read_text() for name in ("torch.lock", "requirements.lock"))
ENTRIES = re.findall(r"^(\S+)==(\S+)((?:.*\\\n)*.*)$", LOCK, re.M)
"""(name, version, marker and hashes) of each package."""
VERSIONS = {canonicalize_name(name): version for name, version, _ in ENTRIES}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_lock_pins_every_package_once_with_hashes():
    assert len(ENTRIES) == len(VERSIONS) > 50
    for name, _, rest in ENTRIES:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", rest), f"{name} has no hash: run `make lock`"


def test_torch_alone_has_a_lock_of_its_own_without_a_hash():
    assert re.findall(r"^[^#\s].*$", TORCH, re.M) == ["torch==2.13.0"] and "torch" not in VERSIONS


def test_the_locks_have_every_package_that_the_project_asks_for_in_a_version_that_fits():
    asked = [
        *project()["dependencies"],
        *(each for extra in project()["optional-dependencies"].values() for each in extra),
    ]
    versions = VERSIONS | {"torch": re.search(r"==(.+)", TORCH)[1]}
    for requirement in map(Requirement, asked):
        if requirement.name != "neuroquant":
            locked = versions.get(canonicalize_name(requirement.name))
            assert locked and locked in requirement.specifier, f"{requirement}, but {locked} is locked: run `make lock`"


def test_every_locked_package_has_what_it_needs_in_the_lock():
    """The lock is installed with `--no-deps`: what it lacks would be missing."""
    left_out = {canonicalize_name(name) for name in tool()["exclude-dependencies"]}
    for name in VERSIONS:
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # of another platform
            continue
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                held = canonicalize_name(need.name)
                assert held in {*VERSIONS, "torch", *left_out}, f"{name} needs {need}"


def tool() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]


def test_the_environment_of_conda_is_what_the_locks_give():
    sys.path.insert(0, str(ROOT / "envs"))
    from from_lock import environment

    text = (ROOT / "envs/neuroquant.yaml").read_text()
    assert text == environment(TORCH, LOCK), "run: python envs/from_lock.py"
    *_, pip = yaml.safe_load(text)["dependencies"]
    requirements = [Requirement(line) for line in pip["pip"]]
    assert {canonicalize_name(one.name): str(one.specifier)[2:] for one in requirements} == VERSIONS | {
        "torch": "2.13.0"
    }


@pytest.mark.parametrize("recipe", ["Makefile", "envs/recipe.sh"])
def test_torch_is_installed_first_and_everything_else_with_its_hash(recipe):
    torch, rest = re.findall(r"pip install (.*)--requirement \S*\b(\w+\.lock)$", (ROOT / recipe).read_text(), re.M)
    assert torch[1] == "torch.lock" and "--no-deps" not in torch[0]
    assert rest[1] == "requirements.lock" and "--require-hashes" in rest[0] and "--no-deps" in rest[0]


def test_a_python_without_the_package_finds_it_beside_the_scripts():
    """As in an environment of conda or a container, to which Snakemake adds the scripts' folder and nothing else."""
    code = "import sys; sys.path.append(sys.argv[1]); import neuroquant.job as job; print(job.__file__)"
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT / "workflow_scripts")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).resolve() == ROOT / "neuroquant/job.py"


def start(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Snakemake on the tiny experiment with results below `folder`."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--quiet", "rules", "--cores", "1"]
    command += ["--directory", str(folder)]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(ROOT / "tests/workflow/tiny.yaml")]
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


@pytest.mark.skipif(shutil.which("conda") is not None, reason="looks at what happens without conda")
def test_rules_name_their_environment_so_that_conda_is_asked_for(tmp_path):
    assert "Is conda installed" in start(tmp_path, "all", "--dry-run", "--sdm", "conda").stdout


def stand_in(folder: Path, name: str, script: str, monkeypatch) -> None:
    """A script in place of a program that can't be had everywhere."""
    path = folder / "bin" / name
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.slow
def test_conda_is_given_the_lock_once_for_all_jobs(tmp_path, monkeypatch):
    """What conda makes of it isn't tested: a script answers in its place, and keeps the file that it was given."""
    script = f"""
case "$*" in
  "info --json") echo '{{"conda_prefix": "{tmp_path}", "platform": "linux-64"}}' ;;
  --version) echo conda 25.1.1 ;;
  "config --get"*) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
  "env create"*) shift 2; while [ "$1" != --file ]; do shift; done; cp "$2" '{tmp_path}/given-'$$ ;;
esac"""
    stand_in(tmp_path, "conda", script, monkeypatch)
    done = start(tmp_path, "all", "--sdm", "conda", "--conda-create-envs-only")
    assert done.returncode == 0, done.stdout[-3000:]
    (given,) = tmp_path.glob("given-*")
    assert yaml.safe_load(given.read_text()) == yaml.safe_load((ROOT / "envs/neuroquant.yaml").read_text())


@pytest.mark.slow
def test_jobs_run_in_the_image_when_containers_are_asked_for(tmp_path, monkeypatch):
    """Apptainer itself isn't to be had everywhere: a script of its name notes the image and runs the command here."""
    script = f"""
[ "$1" = --version ] && {{ echo apptainer version 1.3.4; exit; }}
echo "$@" >>'{tmp_path}/calls'
while [ "$1" != sh ] && [ "$1" != bash ] && [ "$1" != /bin/bash ] && [ $# -gt 1 ]; do shift; done
exec "$@"
"""
    stand_in(tmp_path, "apptainer", script, monkeypatch)
    done = start(tmp_path, "fetch_weights", "--sdm", "apptainer")
    assert done.returncode == 0 and (tmp_path / "results/tiny/logs/fetched").exists(), done.stdout[-3000:]
    assert str(ROOT / "envs/neuroquant.sif") in (tmp_path / "calls").read_text()

"""One lock for everything: the environment of conda and the container hold its very packages."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PINS = [line for line in LOCK.splitlines() if line.strip() and not line.startswith("#")]


def test_the_lock_pins_every_package_once():
    names = [re.fullmatch(r"([A-Za-z0-9._-]+)==([\w.+!-]+)", pin).group(1).lower().replace("_", "-") for pin in PINS]
    assert len(names) == len(set(names)) > 50


def test_the_lock_has_every_package_that_the_project_asks_for():
    import tomllib

    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = {pin.split("==")[0].lower() for pin in PINS}
    assert {re.split(r"[\[<>=]", name)[0].lower() for name in asked} <= locked


def test_the_environment_of_conda_is_what_the_lock_gives():
    sys.path.insert(0, str(ROOT / "envs"))
    from from_lock import environment

    text = (ROOT / "envs/neuroquant.yaml").read_text()
    assert text == environment(LOCK), "run: python envs/from_lock.py"
    *_, pip = yaml.safe_load(text)["dependencies"]
    assert pip == {"pip": PINS}


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


def test_conda_is_given_the_lock_once_for_all_jobs(tmp_path, monkeypatch):
    """What conda makes of it isn't tested: a script answers in its place, and keeps the file that it was given."""
    script = f"""
case "$*" in
  "info --json") echo '{{"conda_prefix": "{tmp_path}", "platform": "linux-64"}}' ;;
  --version) echo conda 25.1.1 ;;
  "config --get"*) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
  "env create"*) shift 2; while [ "$1" != --file ]; do shift; done; cp "$2" "$(mktemp '{tmp_path}/given-XXXX')" ;;
esac"""
    stand_in(tmp_path, "conda", script, monkeypatch)
    done = start(tmp_path, "all", "--sdm", "conda", "--conda-create-envs-only")
    assert done.returncode == 0, done.stdout[-3000:]
    (given,) = tmp_path.glob("given-*")
    assert yaml.safe_load(given.read_text()) == yaml.safe_load((ROOT / "envs/neuroquant.yaml").read_text())


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

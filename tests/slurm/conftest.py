"""One SLURM for all tests of this folder, the shipped profile, and volumes to train on."""

import subprocess

import pytest
import yaml

from tests.slurm.cluster import ROOT, SLURM, WEIGHTS, experiment, local, may_install


@pytest.fixture(scope="session")
def slurm_runs():
    """SLURM from the first test that needs it to the last."""
    if not may_install():
        pytest.skip("installing and starting a SLURM takes root and Debian's apt")
    try:
        for step in ("install", "start"):
            done = subprocess.run([str(SLURM), step], capture_output=True, text=True, timeout=600, check=False)
            if done.returncode:
                pytest.skip(f"no SLURM could be had ({step}): {(done.stdout + done.stderr).strip()[-300:]}")
        yield
    finally:
        subprocess.run([str(SLURM), "stop"], check=False, timeout=120)


@pytest.fixture(scope="session")
def profile(slurm_runs, tmp_path_factory):
    """The profile as it is shipped, which asks sooner how short jobs are."""
    folder = tmp_path_factory.mktemp("profile") / "slurm"
    folder.mkdir()
    settings = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())
    settings |= {
        "slurm-init-seconds-before-status-checks": 8,  # before the first look; the ones after it come 10 s later each
        "latency-wait": 5,
        "slurm-logdir": str(folder / "logs"),
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


@pytest.fixture(scope="session")
def straight(slurm_runs, tmp_path_factory):
    """A folder with volumes, and a model that was trained without SLURM and without a fault."""
    folder = tmp_path_factory.mktemp("straight")
    local(folder, experiment(200), WEIGHTS)
    return folder

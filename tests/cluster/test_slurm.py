"""The workflow through `--profile slurm` on a real SLURM with accounting and two simulated GPUs."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "slurm.sh"
sys.path.insert(0, str(ROOT / "tests/workflow"))
from run import TINY, finished_jobs  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def slurm():
    """SLURM from the beginning of this module's tests to their end."""
    if os.geteuid() or not shutil.which("apt-get"):
        pytest.skip("installing and starting a SLURM takes root and Debian's apt")
    for step in ("install", "start"):
        done = subprocess.run([str(SCRIPT), step], capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            subprocess.run([str(SCRIPT), "stop"], check=False)
            pytest.skip(f"no SLURM could be had ({step}): {(done.stdout + done.stderr).strip()[-300:]}")
    yield
    subprocess.run([str(SCRIPT), "stop"], check=False, timeout=60)


@pytest.fixture
def profile(tmp_path):
    """The profile as it is shipped, asked sooner for the state of short jobs."""
    settings = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())
    settings |= {
        "slurm-init-seconds-before-status-checks": 3,
        "latency-wait": 5,
        "slurm-logdir": str(tmp_path / "logs"),
    }
    folder = tmp_path / "slurm"
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


def start(folder: Path, profile: Path, *arguments: str, config: dict | None = None) -> subprocess.Popen:
    """Begin `snakemake --profile slurm` on the tiny experiment with results below `folder`."""
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(config or TINY, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", "--profile", str(profile), *arguments]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder), "--configfile", str(path)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def states() -> dict[str, int]:
    """SLURM's accounts: how many jobs ended in each state."""
    told = subprocess.run(["sacct", "-X", "-n", "-o", "State%30"], capture_output=True, text=True, check=True).stdout
    found = [line.split()[0] for line in told.splitlines() if line.strip()]
    return {state: found.count(state) for state in set(found)}


def test_the_whole_workflow_runs_through_slurm_to_the_report(slurm, profile, tmp_path):
    run = start(tmp_path, profile, "all")
    said, _ = run.communicate(timeout=1500)
    assert run.returncode == 0, said[-6000:]
    assert (tmp_path / "results/tiny/report.html").is_file()
    jobs = finished_jobs(said)
    assert jobs["train"] == 3 and jobs["segment"] == 6
    assert states().get("COMPLETED", 0) >= 30 and not set(states()) & {"FAILED", "TIMEOUT"}
    log = next((tmp_path / "results/tiny/logs/train").glob("*.log"))
    assert "step" in log.read_text()


def test_a_training_that_hits_its_walltime_goes_on_from_its_checkpoint(slurm, profile, tmp_path):
    """Steps are made to take long; the first job is stopped by SLURM, the retry ends with the weights of one run."""
    config = yaml.safe_load(yaml.safe_dump(TINY))
    config["overrides"]["neuroquant"]["training"] |= {"checkpoint_every": 2, "log_every": 1}
    straight = start(tmp_path, profile, "results/tiny/models/neuroquant/model.safetensors", config=config)
    said, _ = straight.communicate(timeout=900)
    assert straight.returncode == 0, said[-4000:]
    weights = tmp_path / "results/tiny/models/neuroquant/model.safetensors"
    expected = weights.read_bytes()
    shutil.rmtree(tmp_path / "results/tiny/models")
    shutil.rmtree(tmp_path / "results/tiny/checkpoints")
    stopped = start(tmp_path, profile, str(weights.relative_to(tmp_path)), config=config)
    checkpoints = tmp_path / "results/tiny/checkpoints/neuroquant"
    deadline = time.time() + 300
    while not list(checkpoints.glob("step-*.safetensors")):
        assert time.time() < deadline and stopped.poll() is None
        time.sleep(0.05)
    subprocess.run("scancel --signal=TERM --full $(squeue -h -o %i)", shell=True, check=False)
    said, _ = stopped.communicate(timeout=900)
    assert stopped.returncode == 0, said[-4000:]
    log = (tmp_path / "results/tiny/logs/train/neuroquant.log").read_text()
    assert "going on from step" in log
    assert weights.read_bytes() == expected

"""What happens before the first job, and what is needed to go on after a run has ended badly."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml

from neuroquant.config.cohort import Cohort
from neuroquant.synthetic.bids import write_cohort
from tests.workflow.run import ROOT, TINY, finished_jobs, job_counts, snakemake

SPLITS = "results/tiny/cohorts/real/splits.tsv"


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """A BIDS folder of eight synthetic people."""
    root = tmp_path_factory.mktemp("scans") / "bids"
    recipe = {"subjects": 8, "visits_max": 1, "voxel_mm": 7.0}
    write_cohort(Cohort(name="real", synthetic=recipe), root)
    return root


def on(root) -> dict:
    """The tiny experiment on a cohort that lies in a folder."""
    shown = {"models": ["neuroquant"], "cohorts": ["real"]}
    tables = {"table1": shown, "table2": shown, "figure4": {"cohort": "real", "models": ["neuroquant"]}}
    split = {"train": 0.5, "val": 0.0, "test": 0.5, "method": "exact"}
    return {**TINY, "cohorts": [{"name": "real", "root": str(root)}], "split": split, **tables}


def files_below(folder) -> dict[str, bytes]:
    """Every file with its bytes, without Snakemake's own and the configuration that the test writes."""
    paths = [path for path in folder.rglob("*") if path.is_file() and ".snakemake" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.name != "experiment.yaml"}


def test_a_dry_run_writes_nothing(scans, tmp_path):
    done = snakemake(tmp_path, "--dry-run", "all", config=on(scans))
    assert done.returncode == 0 and job_counts(done.stdout)["index"] == 1, done.stdout
    assert files_below(tmp_path) == {} and not (tmp_path / "results").exists()


@pytest.mark.slow
def test_a_dry_run_notices_a_new_scan_and_leaves_the_inventory_to_the_run(scans, tmp_path):
    root = tmp_path / "bids"
    shutil.copytree(scans, root)
    assert snakemake(tmp_path, SPLITS, config=on(root)).returncode == 0
    assert job_counts(snakemake(tmp_path, "-n", SPLITS, config=on(root)).stdout) == {}
    path = next(root.glob("sub-*/ses-*/anat/*_T1w.nii.gz"))
    path.write_bytes(path.read_bytes()[:-9])
    before = files_below(tmp_path / "results")
    done = snakemake(tmp_path, "--dry-run", SPLITS, config=on(root))
    assert job_counts(done.stdout)["index"] == 1 and files_below(tmp_path / "results") == before
    assert finished_jobs(snakemake(tmp_path, SPLITS, config=on(root)).stdout)["index"] == 1


@pytest.mark.slow
def test_everything_can_be_forced_on_a_cohort_that_lies_in_a_folder(scans, tmp_path):
    kept = files_below(scans)
    done = snakemake(tmp_path, SPLITS, "--forceall", config=on(scans))
    assert done.returncode == 0 and set(finished_jobs(done.stdout)) == {"index", "split"}, done.stdout
    assert "make_cohort" not in job_counts(snakemake(tmp_path, "-n", "--forceall", "all", config=on(scans)).stdout)
    assert files_below(scans) == kept


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True])
def test_unlocking_needs_neither_data_nor_a_right_configuration(tmp_path, monkeypatch, broken):
    for name in ("NCANDA_ROOT", "ABCD_ROOT"):
        monkeypatch.delenv(name, raising=False)
    locks = tmp_path / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/x\n")
    command = [sys.executable, "-m", "snakemake", "--unlock", "--snakefile", str(ROOT / "Snakefile")]
    if broken:
        (tmp_path / "broken.yaml").write_text("experiment: 1 + 1\nnonsense: true\n")
        command += ["--configfile", str(tmp_path / "broken.yaml")]
    done = subprocess.run(command, text=True, capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode == 0 and "Unlocked" in done.stderr + done.stdout, done.stderr
    assert not list(locks.glob("*")) and files_below(tmp_path).keys() <= {"broken.yaml"}


@pytest.mark.slow
@pytest.mark.parametrize("place", ["/sys", "file"])
def test_a_results_folder_that_cannot_be_written_to_ends_in_a_sentence(tmp_path, place):
    if place == "file":
        (tmp_path / "results").write_text("")
    else:
        (tmp_path / "results").symlink_to(place)
    done = snakemake(tmp_path, "all")
    assert done.returncode and "expected: a folder that can be written to" in done.stdout, done.stdout
    assert "--directory" in done.stdout and "Traceback" not in done.stdout


@pytest.fixture
def killing(tmp_path, monkeypatch):
    """Have the process that writes a file of this name be killed there; alone, or Snakemake with it."""

    def arrange(name: str, all_of_it: bool) -> None:
        whom = "os.killpg(os.getpgid(0), 9)" if all_of_it else "os.kill(os.getpid(), 9)"
        (tmp_path / "hook").mkdir()
        (tmp_path / "hook/sitecustomize.py").write_text(
            "import os\nreplace = os.replace\n\n\ndef killed(source, target, **more):\n"
            f"    if str(target).endswith({name!r}):\n        {whom}\n    return replace(source, target, **more)\n\n\n"
            "os.replace = killed\n"
        )
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'hook'}:{ROOT}")

    return arrange


@pytest.mark.slow
def test_a_run_that_was_killed_between_two_outputs_goes_on_with_the_same_command(scans, tmp_path, killing, monkeypatch):
    """Without a profile: what the README says is enough."""
    killing("index/excluded.tsv", all_of_it=True)
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(on(scans)))
    command = [sys.executable, "-m", "snakemake", SPLITS, "--cores", "1", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", "experiment.yaml"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    done = subprocess.run(command, start_new_session=True, check=False, **quiet)
    assert done.returncode == -signal.SIGKILL
    index = tmp_path / "results/tiny/cohorts/real/index"
    assert (index / "sessions.tsv").exists() and not (index / "excluded.tsv").exists()
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert snakemake(tmp_path, "--unlock", config=on(scans)).returncode == 0
    done = snakemake(tmp_path, SPLITS, config=on(scans))
    assert done.returncode == 0 and finished_jobs(done.stdout)["index"] == 1, done.stdout


@pytest.mark.slow
def test_a_job_that_was_killed_alone_is_named_on_the_last_screen(scans, tmp_path, killing):
    killing("index/sessions.tsv", all_of_it=False)
    done = snakemake(tmp_path, SPLITS, config=on(scans))
    assert done.returncode
    last = done.stdout.split("What failed")[1]
    assert "rule   index" in last and "lack of memory" in last and "same command again" in last


@pytest.mark.slow
def test_the_project_runs_in_a_folder_with_a_space(scans, tmp_path, clone):
    done = snakemake(tmp_path / "my run", SPLITS, config=on(scans), root=clone)
    assert done.returncode == 0 and finished_jobs(done.stdout)["split"] == 1, done.stdout[-3000:]


@pytest.mark.slow
def test_a_shard_that_is_dated_in_the_future_costs_no_model(finished, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(finished, folder, symlinks=True)
    shard, model = (folder / "results/tiny" / name for name in ("volumes/synthetic/train-000.h5", "models/neuroquant"))
    before = files_below(model)
    os.utime(shard, (time.time() + 86_400,) * 2)
    assert "dated in the future" in snakemake(folder, "--dry-run", "train_all").stdout
    done = snakemake(folder, "train_all")
    assert done.returncode == 0 and not finished_jobs(done.stdout)["train"], done.stdout[-3000:]
    assert files_below(model) == before and shard.stat().st_mtime < time.time()

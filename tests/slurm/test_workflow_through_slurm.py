"""The whole workflow through `--profile slurm` on a real SLURM with accounting and simulated GPUs."""

import pytest

from tests.slurm.cluster import TINY, Run, slurm
from tests.workflow.run import few, finished_jobs

pytestmark = pytest.mark.slow


def states(name: str) -> set[str]:
    """States in which SLURM's jobs of a run ended."""
    return set(slurm("sacct", "-X", "-n", "-P", "-o", "State", "--name", name).split("\n"))


def test_the_whole_workflow_runs_through_slurm_to_the_report(profile, tmp_path):
    run = Run(tmp_path, profile, few(TINY), "all")
    said = run.end(limit=1200)
    assert (tmp_path / "results/tiny/report.html").is_file()
    jobs = finished_jobs(said)
    assert jobs["train"] == 3 and jobs["save_untrained"] == 2 and jobs["apply_model"] == 5
    name = said.split("SLURM run ID: ")[1].split()[0]
    assert states(name) == {"COMPLETED"}
    log = next((tmp_path / "results/tiny/logs/train").glob("*.log"))
    assert "step" in log.read_text()

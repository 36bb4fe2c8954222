"""The tutorial on the tokenizer runs from top to bottom, on a model that was trained a moment ago."""

import re
import shutil
from pathlib import Path

import pytest

from neuroquant.bench.run import Bench, job_of, make_volumes
from neuroquant.bench.setup import Size, experiment_of
from neuroquant.training.run import train

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs/tutorial-tokenizer.md"


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """A folder with a small model and scans where the page has those of the demo."""
    experiment, name = experiment_of("neuroquant", Size(steps=8, subjects=10, voxel_mm=7.0, shape=(32, 32, 32)))
    bench = Bench(experiment, tmp_path / "bench")
    make_volumes(bench)
    train(job_of(bench, experiment.model(name)))
    shutil.copytree(bench.model(name), tmp_path / "results/demo/models/neuroquant")
    shutil.copytree(bench.folder / "cohort/bids", tmp_path / "results/demo/cohorts/synthetic_a/bids")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_of_the_page_runs(demo, capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 11
    session: dict = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), session)  # noqa: S102 - our own page
    told = capsys.readouterr().out
    assert "of 1024 codes" in told and "nowhere_T1w.nii.gz\n  found:    no such file" in told
    assert "README.md" in told and (demo / "again_T1w.nii.gz").is_file()

"""Makes `run.py` importable and runs the tiny experiment once for the tests that look at its results."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from run import snakemake  # noqa: E402


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A folder in which the tiny experiment has run to its report."""
    folder = tmp_path_factory.mktemp("finished")
    done = snakemake(folder, "all")
    assert done.returncode == 0, done.stdout[-6000:]
    return folder

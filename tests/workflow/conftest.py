"""Runs the tiny experiment once for the tests that look at its results."""

import pytest

from tests.workflow.run import snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A folder in which the tiny experiment has run to its report; its name has a space, as users' folders do."""
    folder = tmp_path_factory.mktemp("results of") / "finished run"
    done = snakemake(folder, "all")
    assert done.returncode == 0, done.stdout[-6000:]
    (folder / "run.log").write_text(done.stdout)
    return folder

"""Which tests run in one process when several share them (`pytest -n 2 --dist loadgroup`)."""

from pathlib import Path

import pytest

ONE_SLURM = "slurm"
FINISHED = "finished"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep together what shares something costly: one SLURM, the finished tiny experiment, the fixtures of a file."""
    for item in items:
        folder = Path(item.path).parent.name
        if folder == "slurm":
            group = ONE_SLURM
        elif "finished" in getattr(item, "fixturenames", ()):
            group = FINISHED
        else:
            group = str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))

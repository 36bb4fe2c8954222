"""Which tests run in one process when several share them (`pytest -n 2 --dist loadgroup`), and in which order."""

from pathlib import Path

import pytest

ONE_SLURM = "slurm"
FINISHED = "finished"
FIRST = ("slurm", "workflow", "volumes", "segmentation", "training", "models", "evaluation")
"""Folders with the longest files, which start first, so that no process is left with one of them at the end."""


def pytest_configure(config):
    """Keep the order of this file: xdist's own begins with the files of the most tests, which aren't the longest."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


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
    items.sort(key=_rank)


def _rank(item):
    parts = Path(item.path).relative_to(Path(__file__).parent).parts
    return FIRST.index(parts[0]) if parts[0] in FIRST else len(FIRST)

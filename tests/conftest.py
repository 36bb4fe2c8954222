"""Which tests run in one process when there are several (`pytest -n 2`), and in which order."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
FIRST = ("slurm", "workflow", "volumes", "segmentation", "training", "models", "evaluation")
"""Folders with the longest files, which start first, so that no process is left with one of them at the end."""
RUNS = re.compile(r"^def test_\w+\([^)]*\b(finished|imported)\b", re.M)
"""Whole runs that several files look at (tests/workflow/conftest.py)."""


def together(path: Path) -> str:
    """What a file of tests shares with others: the one SLURM, a whole run; else its fixtures alone."""
    if path.parent == TESTS / "slurm":
        return "slurm"
    run = RUNS.search(path.read_text(encoding="utf-8")) if path.parent == TESTS / "workflow" else None
    return run[1] if run else str(path)


def pytest_xdist_make_scheduler(config, log):
    """Give each process whole groups. Marks of `--dist loadgroup` don't reach xdist 3.8 under pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False  # its own order begins with the files of the most tests, not the longest

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(Path(config.rootpath, nodeid.partition("::")[0]))

    return Together(config, log)


def pytest_collection_modifyitems(items):
    """Begin with the folders of the longest files."""
    items.sort(key=_rank)


def _rank(item):
    parts = Path(item.path).relative_to(TESTS).parts
    return FIRST.index(parts[0]) if parts[0] in FIRST else len(FIRST)

"""The mutations stand where the list says, and a run tells who was noticed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import mutations  # noqa: E402


@pytest.mark.parametrize("mutation", mutations.mutations(), ids=lambda mutation: f"{mutation.file}: {mutation.after}")
def test_no_mutation_is_stale_and_its_tests_are_there(mutation):
    changed = mutation.applied((ROOT / mutation.file).read_text())
    assert changed is not None, f"{mutation.before!r} no longer stands once in {mutation.file}: rewrite this mutation"
    ast.parse(changed)
    for test in mutation.tests:
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not name or name in names, f"{path} has no {name}"


def test_the_list_covers_every_part_and_repeats_nothing():
    listed = mutations.mutations()
    assert len(listed) >= 60 and len(set(listed)) == len(listed)
    parts = {mutation.file.split("/")[1] for mutation in listed}
    assert {"models", "training", "evaluation", "statistics", "report", "volumes", "cohorts"} <= parts


@pytest.fixture
def project(tmp_path):
    """A project of two functions, of which one is tested."""
    files = {
        "sums.py": "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return 2 * a\n",
        "tests/test_sums.py": "import sums\n\n\ndef test_it_adds():\n    assert sums.add(2, 3) == 5\n",
        "tests/test_loop.py": "import sums\n\n\ndef test_it_ends():\n    while sums.add(0, 1) != 1:\n        pass\n",
        ".gitignore": "left.py\n",
        "left.py": "raise SystemExit\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.slow
def test_a_run_tells_killed_from_survived_stale_broken_and_endless(project):
    tests = ("tests/test_sums.py",)
    listed = [
        mutations.Mutation("sums.py", "a + b", "a - b", tests),
        mutations.Mutation("sums.py", "2 * a", "3 * a", tests),
        mutations.Mutation("sums.py", "a * b", "a / b", tests),
        mutations.Mutation("sums.py", "return", "yield", tests),
        mutations.Mutation("sums.py", "def add(a, b):", "def add(a, b", tests),
        mutations.Mutation("sums.py", "a + b", "a", ("tests/test_loop.py",)),
    ]
    before = (project / "sums.py").read_text()
    found = list(mutations.outcomes(project, listed, 3))
    outcomes = [outcome for _, outcome, _ in found]
    assert outcomes == ["killed", "survived", "stale", "stale", "broken", "killed (time was up)"]
    assert (project / "sums.py").read_text() == before and not list(project.rglob("__pycache__"))
    text = mutations.report(found)
    assert "| `.` | 6 | 2 | 1 | 3 |" in text and "survived: `sums.py`, `2 * a` became `3 * a`" in text


def test_tests_that_fail_without_a_mutation_stop_the_run(project):
    (project / "tests/test_sums.py").write_text("def test_it_adds():\n    assert False\n")
    with pytest.raises(RuntimeError, match="without a mutation the tests end with status 1"):
        next(mutations.outcomes(project, [mutations.Mutation("sums.py", "a + b", "a", ("tests/test_sums.py",))], 60))

"""The ledger of docs/training.md: every equation has its place in the code, every defect a test of its absence."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| (\d+) \| .* \| (.+) \|$", (ROOT / "docs/training.md").read_text(), flags=re.MULTILINE)


def cited(text: str) -> set[int]:
    """Numbers of the equations that a text names: `equation 2`, `equations 5 to 7`, `equations 1, 4, 11 and 13`."""
    found: set[int] = set()
    for listed in re.findall(r"[Ee]quations? ((?:\d+|, | and | to )+)", text):
        for low, high in re.findall(r"(\d+)(?: to (\d+))?", listed):
            found |= set(range(int(low), int(high or low) + 1))
    return found


def test_every_equation_of_the_paper_is_cited_in_a_docstring_of_the_code_that_computes_it():
    found: set[int] = set()
    for folder in ("models/neuroquant", "training"):
        for path in (ROOT / "neuroquant" / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    found |= cited(ast.get_docstring(node) or "")
    assert found == set(range(1, 16))


def test_all_fourteen_defects_are_in_the_ledger():
    assert [int(number) for number, _ in ROWS] == list(range(1, 15))


@pytest.mark.parametrize(("number", "tests"), ROWS)
def test_a_defect_has_tests_that_are_there(number, tests):
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
    assert named, f"defect {number} names no test"
    for path, name in named:
        functions = {
            node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)
        }
        assert name in functions, f"{path} has no {name}"

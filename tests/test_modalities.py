"""No code names a modality: they are data, apart from the defaults and the contrast recipes of synthetic brains."""

import io
import re
import tokenize
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "neuroquant"
NAMED = re.compile(r"(?i)(?<![a-z])(t1w|t2w|flair|pdw)(?![a-z])")
MAY_NAME = (
    "config/base.py", "synthetic/recipes.py", "statistics/published/", "statistics/claims/", "derivatives/suffixes.py",
)  # fmt: skip
"""The defaults; how bright tissues are in each; what the paper says of its own two; and the suffixes that BIDS has."""


def code_of(path: Path) -> str:
    """A module without its comments and docstrings, which may give examples."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    kept, at_start = [], True
    for token in tokens:
        if token.type == tokenize.STRING and at_start and token.string.lstrip("rRfFbBuU").startswith('"""'):
            continue
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            at_start = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
            kept.append(token.string)
    return " ".join(kept)


def modules() -> list[str]:
    """Modules that are held to it, relative to the package."""
    every = (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return sorted(name for name in every if not name.startswith(MAY_NAME))


@pytest.mark.parametrize("name", modules())
def test_no_code_names_a_modality(name):
    assert not NAMED.findall(code_of(PACKAGE / name))


def test_code_is_told_from_its_words(tmp_path):
    module = tmp_path / "a.py"
    module.write_text('"""T1w."""\n# T2w\nx = 1\n"""FLAIR."""\n\n\ndef f():\n    """PDw."""\n')
    assert not NAMED.findall(code_of(module))
    module.write_text('x = {"t1w": rf"_T2w{y}"}\n')
    assert NAMED.findall(code_of(module)) == ["t1w", "T2w"]

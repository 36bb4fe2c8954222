"""Examples in docstrings run as they are written, and the functions that users call have one."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "neuroquant"
EXAMPLE = re.compile(r">>> (?!.*doctest: \+SKIP)")
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if EXAMPLE.search(path.read_text(encoding="utf-8")))
CALLED = {
    "similarity": ("psnr", "ssim3d"),
    "statistics.intervals": ("cluster_bootstrap", "predictive"),
    "statistics.tests": ("paired_test", "effect_size", "holm"),
    "config.load": ("merge",),
    "files": ("file_name",),
    "models": ("latent_shapes", "divisor", "bits"),
    "scans.headers": ("read_grid", "orientations"),
    "store.arrays": ("ArrayFile",),
    "training.schedule": ("learning_rate",),
}
"""Functions and classes that scripts of users call, besides those of `neuroquant.tokenizer`."""


def named(path):
    """The module's name below the package; empty for the package itself."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_example_gives_what_it_says(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where examples write their files
    module = importlib.import_module(f"neuroquant.{named(path)}".removesuffix("."))
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert found.attempted and not found.failed


@pytest.mark.parametrize(("module", "names"), CALLED.items(), ids=CALLED)
def test_what_users_call_has_an_example(module, names):
    for name in names:
        assert ">>> " in getattr(importlib.import_module(f"neuroquant.{module}"), name).__doc__, name

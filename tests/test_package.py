"""What everybody pays for who imports the package, or asks a command for help."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["neuroquant", "neuroquant.cli", "neuroquant.shipped", "neuroquant.extras"])
def test_an_import_brings_no_library(module):
    """Not torch, which takes seconds, and no other: `benchmarks/import_time.py` measures it."""
    code = f"import sys; before = set(sys.modules); import {module}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded - sys.stdlib_module_names - {"neuroquant"} == set()

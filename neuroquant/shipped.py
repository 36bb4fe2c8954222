"""What the project ships beside its modules: configurations and the workflow, from a checkout or an installed wheel."""

from importlib.resources import files
from pathlib import Path


def project() -> Path:
    """The folder with `Snakefile`, `rules`, `config`, ...: in an installed package, around that of a checkout."""
    package = Path(str(files("neuroquant")))
    return package / "workflow" if (package / "workflow").is_dir() else package.parent


CONFIG = project() / "config"
"""Configurations: `cohorts/`, `models/`, `examples/`, `schemas/`."""
SNAKEFILE = project() / "Snakefile"

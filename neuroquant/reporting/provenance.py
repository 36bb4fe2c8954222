"""What made a result: code, configuration, packages, inputs."""

import hashlib
import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import neuroquant
from neuroquant.config.experiment import Experiment
from neuroquant.files import sha256

PACKAGES = (
    "snakemake", "torch", "monai", "diffusers", "nibabel", "nilearn", "numpy", "scipy", "pandas", "scikit-learn",
    "h5py", "matplotlib",
)  # fmt: skip


def collect(experiment: Experiment, base: Path, inputs: list[Path]) -> dict[str, Any]:
    """Facts that go beside the report; hashes instead of paths or identifiers.

    Parameters
    ----------
    base : the project's folder, for its commit.
    inputs : the tables of numbers that the report was made from.
    """
    config = json.dumps(without_paths(experiment), sort_keys=True)
    return {
        "neuroquant": neuroquant.__version__,
        "commit": commit(base),
        "configuration_sha256": hashlib.sha256(config.encode()).hexdigest(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: package_version(name) for name in PACKAGES},
        "inputs_sha256": {
            path.name if path.parent.name == "numbers" else f"{path.parent.name}/{path.name}": sha256(path)
            for path in inputs
        },
    }


def without_paths(experiment: Experiment) -> dict[str, Any]:
    """The resolved configuration without folders of this machine."""
    plain = experiment.model_dump(mode="json")
    for cohort in plain["cohorts"]:
        cohort["root"] = cohort["participants"] = cohort["table"] = ""
    for row in plain["models"]:
        perceptual = row["objective"]["perceptual"]
        for weights in (row["weights"], perceptual["vgg"], perceptual["linear"]):
            if weights:
                weights["folder"] = ""
    plain["split"]["file"] = plain["segmentation"]["weights"] = plain["segmentation"]["upstream"] = ""
    return plain


def commit(base: Path) -> str:
    """Commit of the code, with a mark where files differ from it; empty outside a git checkout."""
    call = ["git", "-C", str(base), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(call, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def package_version(name: str) -> str:
    """Version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"

"""What made a result: code, configuration, packages, inputs."""

import hashlib
import json
import platform
import subprocess
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import neuroquant
from neuroquant.config.existing import is_on_hub
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
        "commit_date": commit_date(base),
        "written_on": date.today().isoformat(),
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
    for entry in plain["models"]:
        perceptual = entry["objective"]["perceptual"]
        for weights in (entry["weights"], perceptual["vgg"], perceptual["linear"]):
            if weights and "folder" in weights:
                weights["folder"] = ""
        source = (entry["weights"] or {}).get("model_folder", "")
        if source and not is_on_hub(source):
            entry["weights"]["model_folder"] = elsewhere(source)
    plain["split"]["file"] = plain["segmentation"]["weights"] = plain["segmentation"]["upstream"] = ""
    return plain


def to_share(experiment: Experiment) -> dict[str, Any]:
    """The resolved configuration with `/path/to/...` in place of folders of this machine, to be run elsewhere."""
    plain = without_paths(experiment)
    for cohort, named in zip(plain["cohorts"], experiment.cohorts, strict=True):
        cohort["root"] = f"/path/to/{named.name}" if named.root else ""
        cohort["table"] = elsewhere(named.table)
        tables = named.participants
        cohort["participants"] = elsewhere(tables) if isinstance(tables, str) else [elsewhere(one) for one in tables]
        if cohort["synthetic"]:
            cohort["synthetic"]["labels"] = elsewhere(named.synthetic.labels)
    plain["split"]["file"] = elsewhere(experiment.split.file)
    for key in ("weights", "upstream"):
        plain["segmentation"][key] = elsewhere(getattr(experiment.segmentation, key))
    if "/" in experiment.segmentation.upstream_python:
        plain["segmentation"]["upstream_python"] = elsewhere(experiment.segmentation.upstream_python)
    return plain


def elsewhere(path: str) -> str:
    """A path of this machine as one that others replace; an empty one stays empty."""
    return f"/path/to/{Path(path).name}" if path else ""


def commit(base: Path) -> str:
    """Commit of the code, with a mark where files differ from it; empty outside a git checkout."""
    return _git(base, "describe", "--always", "--dirty", "--abbrev=12")


def commit_date(base: Path) -> str:
    """Date of that commit, e.g. 2026-11-28; empty outside a git checkout."""
    return _git(base, "show", "--no-patch", "--format=%cs", "HEAD")


def _git(base: Path, *words: str) -> str:
    """What git says of a repository's top folder; empty elsewhere, such as in an environment below somebody's own."""
    if not (base / ".git").exists():
        return ""
    call = ["git", "-C", str(base), *words]
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

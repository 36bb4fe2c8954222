"""What an engine needs from outside, looked for before the first job: official weights, or a command.

Imported while the workflow is planned: no torch here.
"""

import os
import shutil
from pathlib import Path

from neuroquant.config.evaluation import Segmentation
from neuroquant.errors import InputError
from neuroquant.files import sha256

OFFICIAL = {
    "1.0": ("synthseg_1.0.h5", 53_079_056, "7d2e32d298fe38dc51ea38e6a8e8fc5c665d56b63cddb409e8b199535f8b5298"),
    "2.0": ("synthseg_2.0.h5", 53_079_152, "f190bfd742f450ef3ca2c9df9ed4d2e0232b3a74471da5e51b7770bacdf80c3e"),
}
SOURCES = {
    "1.0": "it lies in the SynthSeg repository (github.com/BBillot/SynthSeg) under models/",
    "2.0": "it lies in FreeSurfer 7.3.2 or newer under models/, or follow SynthSeg's issue 114",
}
SCRIPT = Path("scripts/commands/SynthSeg_predict.py")


def check_installed(settings: Segmentation) -> None:
    """Refuse to begin with an engine that will not run. The stand-in needs nothing; there is no fallback to it.

    Raises
    ------
    InputError
        If official weights are missing or others, or the command of an outside engine isn't there.
    """
    if settings.engine == "torch":
        find_official(settings.version, settings.weights)
    elif settings.engine == "upstream":
        upstream_command(settings)
    elif settings.engine == "freesurfer":
        freesurfer_command(settings)


def find_official(version: str, configured: str) -> Path:
    """The official weights: the configured path, or $SYNTHSEG_HOME/models, $FREESURFER_HOME/models, then the cache.

    The first file found is the one; where it is another than the official one, no further place is looked at.

    Raises
    ------
    InputError
        If there is none, the configured path isn't a file, or the file found isn't the official one.
    """
    name, size, digest = OFFICIAL[version]
    expected = f"{name}, {size} bytes, sha256 {digest}"
    remedy = f"{SOURCES[version]}; then set segmentation.weights or put it where it is looked for"
    if configured:
        if not Path(configured).is_file():
            raise InputError("segmentation.weights", f"no such file: {configured}", expected, remedy)
        return checked_file(Path(configured), version, remedy)
    candidates = []
    for variable in ("SYNTHSEG_HOME", "FREESURFER_HOME"):
        if os.environ.get(variable):
            candidates.append(Path(os.environ[variable]) / "models" / name)
    candidates.append(Path.home() / ".cache" / "neuroquant" / name)
    path = next((file for file in candidates if file.is_file()), None)
    if path is None:
        raise InputError("segmentation.weights", "none at " + ", ".join(map(str, candidates)), expected, remedy)
    return checked_file(path, version, remedy)


def checked_file(path: Path, version: str, remedy: str) -> Path:
    """The path, if it holds the official weights of that version.

    Raises
    ------
    InputError
        If its size or its SHA-256 is another.
    """
    name, size, digest = OFFICIAL[version]
    expected, held = f"{name}, {size} bytes, sha256 {digest}", path.stat().st_size
    if held != size:
        raise InputError(str(path), f"{held} bytes", expected, f"truncated, or another file: {remedy}")
    if (content := sha256(path)) != digest:
        raise InputError(str(path), f"another content, sha256 {content}", expected, f"another network: {remedy}")
    return path


def upstream_command(settings: Segmentation) -> list[str]:
    """How SynthSeg's own command starts: the interpreter of its environment, and the script of its clone.

    Raises
    ------
    InputError
        If there is no clone with the official weights, or no such interpreter.
    """
    home = settings.upstream or os.environ.get("SYNTHSEG_HOME", "")
    script = Path(home) / SCRIPT
    if not home or not script.is_file():
        raise InputError(
            "segmentation.upstream",
            f"no {SCRIPT} in {home or '(not set)'}",
            "a clone of github.com/BBillot/SynthSeg",
            "clone it, add weights under models/, set segmentation.upstream or $SYNTHSEG_HOME; docs/synthseg.md",
        )
    name, size, digest = OFFICIAL[settings.version]
    weights = Path(home) / "models" / name
    if not weights.is_file():
        raise InputError(str(weights), "no such file", f"{size} bytes, sha256 {digest}", SOURCES[settings.version])
    checked_file(weights, settings.version, SOURCES[settings.version])
    python = shutil.which(settings.upstream_python)
    if python is None:
        raise InputError(
            "segmentation.upstream_python",
            f"{settings.upstream_python}: no such command",
            "the Python of envs/synthseg-upstream.yaml",
            "create that environment and name its interpreter; docs/synthseg.md",
        )
    return [python, str(script)]


def freesurfer_command(settings: Segmentation) -> list[str]:
    """FreeSurfer's `mri_synthseg`.

    Raises
    ------
    InputError
        If it isn't installed.
    """
    home = os.environ.get("FREESURFER_HOME", "")
    command = shutil.which("mri_synthseg") or (shutil.which(str(Path(home) / "bin/mri_synthseg")) if home else None)
    if command is None:
        raise InputError(
            "segmentation.engine: freesurfer",
            "no mri_synthseg on PATH or in $FREESURFER_HOME/bin",
            "FreeSurfer 7.3.2 or newer",
            "source FreeSurfer's SetUpFreeSurfer.sh first, or choose engine: torch",
        )
    return [command]

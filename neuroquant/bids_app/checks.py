"""What makes a run of the BIDS-App impossible, said before anything is computed or written."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from neuroquant.bids_app.options import Options
from neuroquant.config.plain import read_json
from neuroquant.datasets import DESCRIPTION, elsewhere_than, require_ours, require_outside
from neuroquant.errors import InputError
from neuroquant.extras import require

VALIDATORS = ("bids-validator-deno", "bids-validator")
"""Commands of the BIDS validator, the first that is installed is used."""
SHOWN = 5
"""Errors of the validator that are shown."""


def check(options: Options) -> None:
    """Make sure that the folders and the data set can be used.

    Raises
    ------
    InputError
        If they can't.
    """
    require("PIL")  # of the pages
    check_dataset(options.bids_dir)
    check_places(options)
    if options.level == "participant" and options.model is None:
        raise InputError(
            "--model", "nothing", "the folder of a trained model, results/<experiment>/models/<model>", "name one"
        )
    check_writable(options.output_dir)
    check_writable(options.work_dir)
    if options.validate and options.level == "participant":
        validate(options.bids_dir)


def check_dataset(root: Path) -> None:
    """Refuse what isn't a BIDS data set: it has a description and folders of subjects."""
    expected = f"the root of a BIDS data set, with {DESCRIPTION} and folders sub-*"
    remedy = "name the root; a cohort in another layout is read by the workflow (docs/cohorts.md)"
    if not root.is_dir():
        raise InputError(str(root), "no such folder", expected, remedy)
    if not (root / DESCRIPTION).is_file():
        raise InputError(str(root), f"no {DESCRIPTION} in it", expected, remedy)
    description = read_json(root / DESCRIPTION)
    if not isinstance(description, dict) or not {"Name", "BIDSVersion"} <= description.keys():
        raise InputError(str(root / DESCRIPTION), "no Name and BIDSVersion in it", expected, "add them")
    if not any(entry.name.startswith("sub-") and entry.is_dir() for entry in os.scandir(root)):
        raise InputError(str(root), "no folder sub-*", expected, remedy)


def check_places(options: Options) -> None:
    """Refuse an output folder inside the data set, except below its `derivatives`, and one that isn't ours."""
    root, output = options.bids_dir.resolve(), options.output_dir.resolve()
    require_outside(f"OUTPUT_DIR {output}", output, root)
    require_outside(f"--work-dir {options.work_dir}", options.work_dir, root)
    if output in root.parents:
        raise InputError(
            f"OUTPUT_DIR {output}", f"a folder around the data set {root}", "one outside of it", elsewhere_than(root)
        )
    require_ours(f"OUTPUT_DIR {output}", output, root)


def check_writable(folder: Path) -> None:
    """Refuse a folder that can't be written to, without making it.

    Raises
    ------
    InputError
        If it, or the nearest folder above it that there is, can't be written to.
    """
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    expected, remedy = "a folder that you may write to", "choose another folder, or give yourself the right to write"
    if not existing.is_dir():
        raise InputError(str(folder), f"{existing} is a file", expected, "choose another folder")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise InputError(str(folder), f"can't be written ({error.strerror})", expected, remedy) from None


def validate(root: Path) -> None:
    """Have the BIDS validator look at the data set; a note where it isn't installed.

    Raises
    ------
    InputError
        With its first errors.
    """
    beside = Path(sys.executable).parent
    installed = (shutil.which(name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}") for name in VALIDATORS)
    command = next(filter(None, installed), None)
    if command is None:
        print(f"note: the BIDS validator isn't installed (pip install {VALIDATORS[0]}); {root.name} isn't validated")
        return
    done = subprocess.run([command, "--format", "json", str(root)], capture_output=True, text=True, check=False)
    try:
        issues = json.loads(done.stdout)["issues"]["issues"]
    except (ValueError, LookupError, TypeError):
        print(f"note: {command} didn't run ({done.stderr.strip()[:200]}); {root.name} isn't validated")
        return
    errors = [f"{one['code']} {one.get('location', '')}".strip() for one in issues if one.get("severity") == "error"]
    if errors:
        more = f" and {len(errors) - SHOWN} more" if len(errors) > SHOWN else ""
        raise InputError(
            str(root), f"{len(errors)} errors of the BIDS validator: {'; '.join(errors[:SHOWN])}{more}",
            "a valid BIDS data set", f"run {Path(command).name} on it and correct it, or add --skip-bids-validation",
        )  # fmt: skip

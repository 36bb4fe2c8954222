"""The inventory: every file of interest with its size and time, taken while the DAG is planned."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from neuroquant.cohorts.layouts import LAYOUTS, Layout, match
from neuroquant.cohorts.phenotypes import read_participants
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import write_text

DEPTH = 3
"""Folders below a subject's that are looked into: sub-*/ses-*/anat."""


def check_root(cohort: Cohort) -> None:
    """Make sure that a cohort's folder can be used at all.

    Raises
    ------
    InputError
        If the folder is missing, isn't laid out as configured, or its participants table lacks subject or sex.
    """
    where, root = f"cohort {cohort.name}: root", Path(cohort.root)
    edit = "correct `root` in the cohort's file in config/cohorts/"
    if not cohort.root or not root.is_dir():
        raise InputError(where, f"{cohort.root or 'nothing'!s}: no such folder", "the cohort's folder", edit)
    layout = LAYOUTS[cohort.layout]
    if cohort.layout == "bids" and not (root / "dataset_description.json").is_file():
        raise InputError(where, f"{root}: no dataset_description.json", "a BIDS data set", edit)
    if not any(re.fullmatch(layout.subjects, entry.name) for entry in os.scandir(root)):
        expected = f"folders named like {layout.subjects}, as the layout `{cohort.layout}` (BIDS: sub-*) has them"
        raise InputError(where, f"{root}: no subject's folder", expected, edit)
    read_participants(cohort, root)


def refresh_inventory(cohort: Cohort, root: Path, path: Path) -> bool:
    """Take the inventory of `root`; rewrite `path` only if its text changes. Returns whether it did.

    Columns: path (relative to the root), bytes, mtime_ns; both -1 for what can't be read (a dangling link, say).
    """
    lines = ["path\tbytes\tmtime_ns"]
    for entry in sorted(take_inventory(LAYOUTS[cohort.layout], root)):
        lines.append("\t".join(map(str, entry)))
    text = "\n".join(lines) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True


def take_inventory(layout: Layout, root: Path) -> Iterator[tuple[str, int, int]]:
    """(relative path, bytes, mtime_ns) of every scan, mask, label map and table."""
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.name in layout.tables:
                yield _stamp(entry, entry.name)
            elif re.fullmatch(layout.subjects, entry.name):
                yield from _walk(layout, entry.path, entry.name, DEPTH)
            elif entry.name == "derivatives" and entry.is_dir():
                for pipeline in os.scandir(entry.path):
                    yield from _walk(layout, pipeline.path, f"derivatives/{pipeline.name}", DEPTH + 1)


def _walk(layout: Layout, folder: str, relative: str, depth: int) -> Iterator[tuple[str, int, int]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        yield relative, -1, -1
        return
    for entry in entries:
        path = f"{relative}/{entry.name}"
        if entry.name.endswith((".nii", ".nii.gz")):
            if match(layout, path):
                yield _stamp(entry, path)
        elif entry.name.endswith("_sessions.tsv"):
            yield _stamp(entry, path)
        elif depth > 1 and entry.is_dir() and "." not in entry.name:
            yield from _walk(layout, entry.path, path, depth - 1)


def _stamp(entry: os.DirEntry, path: str) -> tuple[str, int, int]:
    try:
        status = entry.stat()
    except OSError:
        return path, -1, -1
    return path, status.st_size, status.st_mtime_ns

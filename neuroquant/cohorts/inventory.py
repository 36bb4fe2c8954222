"""The inventory: every file of interest with its size and time, taken while the DAG is planned."""

import csv
import io
import os
import re
from pathlib import Path

from neuroquant.cohorts.layouts import (
    BARE,
    MISNAMED,
    SCAN,
    STRAY,
    UNREAD,
    UNWRITABLE,
    Layout,
    layout_of,
    match,
    owner,
    pattern_of,
)
from neuroquant.cohorts.paths import paths_of
from neuroquant.cohorts.phenotypes import read_participants
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import printable, write_text

Entry = tuple[str, int, int]
"""Path relative to the root (`printable`), bytes, mtime in ns; negative where it can't be used (`layouts.FAULTS`)."""
IS_SCAN = re.compile(rf".*{SCAN}", re.DOTALL)
DEPTH = 3
"""Levels of folders from a subject's own down: sub-*/ses-*/anat."""


def check_root(cohort: Cohort) -> None:
    """Make sure that a cohort's folder can be used at all.

    Raises
    ------
    InputError
        If the folder is missing or can't be read, isn't laid out as configured, or its participants table is missing
        or lacks subject or sex.
    """
    where, root = f"cohort {cohort.name}: root", Path(cohort.root)
    edit = "correct `root` in the cohort's file in config/cohorts/"
    if not cohort.root or not root.is_dir():
        raise InputError(where, f"{cohort.root or 'nothing'}: no such folder", "the cohort's folder", edit)
    try:
        names = [entry.name for entry in os.scandir(root)]
    except OSError as error:
        raise InputError(where, f"{root}: {error.strerror}", "a folder that can be read", edit) from None
    if cohort.layout == "bids" and "dataset_description.json" not in names:
        raise InputError(where, f"{root}: no dataset_description.json", "a BIDS data set", edit)
    pattern = layout_of(cohort).subject
    if cohort.layout in ("custom", "table"):
        listed = paths_of(cohort) if cohort.layout == "table" else {}
        scans = [path for path, size, _ in take_inventory(cohort, root) if size >= 0]
        if not any(path in listed or match(layout_of(cohort), path) for path in scans):
            told = "; ".join(cohort.files.values()) or f"the paths of {cohort.table}"
            raise InputError(where, f"{root}: no file at {told}", "the cohort's scans", edit + ", or where files lie")
    elif not any(re.fullmatch(pattern, name) for name in names):
        expected = f"{'BIDS' if cohort.layout == 'bids' else cohort.layout}: a folder a subject, named {pattern}"
        raise InputError(where, f"{root}: no subject's folder", expected, edit + ", or `layout`")
    read_participants(cohort, root)


def refresh_inventory(cohort: Cohort, root: Path, path: Path) -> bool:
    """Take the inventory of `root`; rewrite `path` only if its text changes. Returns whether it did.

    Columns: path (relative to the root), bytes, mtime_ns; the latter two negative for what can't be used.
    """
    table = io.StringIO()
    csv.writer(table, delimiter="\t", lineterminator="\n").writerows(
        [("path", "bytes", "mtime_ns"), *take_inventory(cohort, root)]
    )
    text = table.getvalue()
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True


def take_inventory(cohort: Cohort, root: Path) -> list[Entry]:
    """Every scan, mask, label map and table of a cohort, sorted by path.

    Listed too: folders that can't be read, and folders of subjects and sessions that hold no scan or are named in
    another way than the layout has it.

    Raises
    ------
    InputError
        If the root itself can't be read.
    """
    layout = layout_of(cohort)
    found: list[Entry] = []
    if cohort.layout == "table":
        found = [_stamp(root / path, path) for path in paths_of(cohort)]
        return sorted([*found, _stamp(Path(cohort.table), cohort.table), *_participants(cohort)])
    if cohort.layout == "custom":
        for template in set(cohort.files.values()):
            _follow(layout, root, "", template.split("/"), found)
        return sorted({*found, *_tables(layout, root), *_participants(cohort)})
    try:
        top = list(os.scandir(root))
    except OSError as error:
        raise InputError(
            f"cohort {cohort.name}: root", f"{root}: {error.strerror}", "a folder that can be read", "correct `root`"
        ) from None
    for entry in top:
        if entry.name in layout.tables:
            found.append(_stamp(entry, entry.name))
        elif re.fullmatch(layout.subject, entry.name):
            _add_subject(layout, entry.path, entry.name, found)
        elif entry.name == "derivatives":
            _walk_derivatives(layout, entry.path, found)
        elif re.fullmatch(layout.misnamed[0], entry.name) and entry.is_dir():
            found.append((printable(entry.name), MISNAMED, MISNAMED))
    return sorted([*found, *_participants(cohort)])


def _participants(cohort: Cohort) -> list[Entry]:
    return [_stamp(Path(path), path) for path in cohort.participants_tables]


def _tables(layout: Layout, root: Path) -> list[Entry]:
    return [_stamp(root / name, name) for name in layout.tables if (root / name).exists()]


def _follow(layout: Layout, root: Path, relative: str, parts: list[str], found: list[Entry]) -> None:
    """Add the files of a layout of one's own: only folders that its path names are looked into."""
    pattern = pattern_of(re.sub(r"\{(?:subject|session|site)\}", "*", parts[0]))
    try:
        entries = [entry for entry in os.scandir(root / relative) if re.fullmatch(pattern, entry.name)]
    except (NotADirectoryError, FileNotFoundError):
        return
    except OSError:
        found.append((printable(relative), UNREAD, UNREAD))
        return
    for entry in entries:
        path = f"{relative}/{entry.name}" if relative else entry.name
        if len(parts) > 1:
            _follow(layout, root, path, parts[1:], found)
        elif match(layout, printable(path)):
            found.append(_stamp(entry, path))


def _add_subject(layout: Layout, folder: str, subject: str, found: list[Entry]) -> None:
    """Add a subject's scans, and each folder of a session, or the subject's own, in which there is none."""
    begin, sessions = len(found), []
    _walk(layout, folder, subject, DEPTH, found, sessions)
    told = set()
    for path, size, _ in found[begin:]:
        kind, _, session = owner(layout, path, size) or ("mask", "", "")
        if kind not in ("mask", "labels"):
            told.add(session)
    bare = [f"{subject}/{session}" for session in sessions if session not in told]
    if not told and not bare:
        bare = [subject]
    found += [(path, BARE, BARE) for path in bare]


def _walk_derivatives(layout: Layout, folder: str, found: list[Entry]) -> None:
    try:
        pipelines = [entry for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        found.append(("derivatives", UNREAD, UNREAD))
        return
    for pipeline in pipelines:
        _walk(layout, pipeline.path, f"derivatives/{pipeline.name}", DEPTH + 1, found, [])


def _walk(layout: Layout, folder: str, relative: str, depth: int, found: list[Entry], sessions: list[str]) -> None:
    """Add what lies below a folder, at most `depth` levels of folders counting its own, to `found`.

    Parameters
    ----------
    sessions : receives the names of the folders of sessions, where `relative` is a subject's.
    """
    try:
        entries = list(os.scandir(folder))
    except NotADirectoryError:
        return
    except OSError:
        found.append((printable(relative), UNREAD, UNREAD))
        return
    below_subject = "/" not in relative
    for entry in entries:
        path = f"{relative}/{entry.name}"
        if IS_SCAN.fullmatch(entry.name):
            shown = printable(path)
            if match(layout, shown) or (not path.startswith("derivatives/") and re.fullmatch(STRAY, shown)):
                found.append(_stamp(entry, path))
        elif entry.name.endswith("_sessions.tsv"):
            found.append(_stamp(entry, path))
        elif depth > 1 and re.fullmatch(layout.folders, entry.name):
            _walk(layout, entry.path, path, depth - 1, found, sessions)
            if below_subject and re.fullmatch(layout.session, entry.name) and entry.is_dir():
                sessions.append(entry.name)
        elif below_subject and re.fullmatch(layout.misnamed[1], entry.name) and entry.is_dir():
            found.append((printable(path), MISNAMED, MISNAMED))


def _stamp(entry: os.DirEntry | Path, path: str) -> Entry:
    if printable(path) != path:
        return printable(path), UNWRITABLE, UNWRITABLE
    try:
        status = entry.stat()
    except OSError:
        return path, UNREAD, UNREAD
    return path, status.st_size, status.st_mtime_ns

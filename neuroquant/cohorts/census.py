"""The account of a cohort's folder: everything below its root that looks like a scan, used or not, and why not."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from neuroquant.cohorts.identifiers import without_folder
from neuroquant.cohorts.index import KEY, NOT_USED, candidates
from neuroquant.cohorts.inventory import DEPTH, IS_SCAN
from neuroquant.cohorts.layouts import KINDS, Layout, layout_of, unfit
from neuroquant.cohorts.phenotypes import participants_paths, read_participants
from neuroquant.cohorts.places import why_file, why_folder
from neuroquant.config.cohort import Cohort
from neuroquant.files import printable, read_tsv, write_tsv

Above = tuple[tuple[int, int], ...]
"""Device and inode of each folder on the way down."""
UNSEEN = ["path", "files", "reason"]
"""Columns of what wasn't looked at: a file, a folder or a row of the participants table; the scan-like files that it
stands for; why, and what to do."""
Found = Iterator[tuple[str, int | None]]
"""Path below the root; None for a scan-like file, or how many a folder that isn't opened holds (-1: can't be read)."""


@dataclass(frozen=True)
class Census:
    """Files that look like scans, below the root: each is counted once.

    Attributes
    ----------
    used : files that `sessions.tsv` names.
    excluded : files of sessions that are out.
    outside : files that `sessions.tsv` names outside of the root, which aren't counted otherwise.
    unseen : all others, with their reason (columns `UNSEEN`).
    """

    used: int
    excluded: int
    outside: int
    unseen: pd.DataFrame = field(repr=False)

    @property
    def total(self) -> int:
        """All files below the root that look like scans."""
        return self.used + self.excluded + int(self.unseen["files"].sum())


def write_unseen(cohort: Cohort, root: Path, inventory_tsv: Path, index: Path, unseen_tsv: Path) -> None:
    """Write what of a cohort's folder wasn't looked at; `index` holds `sessions.tsv` and `excluded.tsv`."""
    write_tsv(take_census(cohort, root, inventory_tsv, index).unseen, unseen_tsv)


def take_census(cohort: Cohort, root: Path, inventory_tsv: Path, index: Path) -> Census:
    """Walk the whole folder of a cohort and say of each scan-like file what became of it.

    Parameters
    ----------
    index : folder with `sessions.tsv` and `excluded.tsv`.
    """
    kept, dropped = read_tsv(index / "sessions.tsv"), read_tsv(index / "excluded.tsv")
    fates = _fates(cohort, inventory_tsv, kept, dropped)
    below = {os.path.relpath(root / path, root): fate for path, fate in fates.items()}
    used = {path for path, fate in below.items() if fate == "used"}
    counts = {"used": 0, "out": 0}
    rows: list[tuple[str, int, str]] = []
    for path, held in _walk(root, "", _opened(cohort, below), (_identity(root),)):
        fate = below.get(path)
        number = 1 if held is None else max(held, 0)
        if fate in counts:
            counts[fate] += number
        elif fate:
            rows.append((path, number, fate))
        elif reason := why_file(cohort, path) if held is None else why_folder(cohort, path, held):
            rows.append((path, number, reason))
    outside = sum(path.startswith("..") for path in used)
    rows += _rows_without_folder(cohort, root, pd.concat([kept[KEY], dropped[KEY]]))
    return Census(counts["used"], counts["out"], outside, pd.DataFrame(sorted(rows), columns=UNSEEN))


def _fates(cohort: Cohort, inventory_tsv: Path, kept: pd.DataFrame, dropped: pd.DataFrame) -> dict[str, str]:
    """Path of the inventory -> "used", "out" (of an excluded session), or why it was passed over."""
    used = {path for kind in KINDS for path in kept[kind] if path}
    out = set(zip(dropped["subject"], dropped["session"], strict=True))
    taken = {(row.subject, row.session): row for row in kept.itertuples()}
    fates = {}
    for key, files in candidates(cohort, inventory_tsv).items():
        for kind, paths in files.items():
            for path in paths:
                if path in used:
                    fates[path] = "used"
                elif key in out:
                    fates[path] = "out"
                elif key in taken and kind in KINDS:
                    fates[path] = _passed_over(cohort, kind, path, getattr(taken[key], kind))
                elif kind.startswith("unwritable"):
                    fates[path] = NOT_USED["unwritable"]
                elif key not in taken:
                    fates[path] = "a mask or label map without a scan: supply the scan, or leave it"
    return fates


def _passed_over(cohort: Cohort, kind: str, path: str, taken: str) -> str:
    """Why another file of a session was taken in place of this one, or none."""
    why = unfit(path, cohort.entities) if kind in ("t1w", "t2w") else ""
    if why:
        return f"passed over, it {why}: `entities` chooses"
    if taken:
        return f"passed over for another of its session ({taken.rpartition('/')[2]}): `entities` chooses"
    return "passed over, it is in another space or of another run than its session's scan: supply one of that scan"


def _opened(cohort: Cohort, below: dict[str, str]) -> Callable[[str], bool]:
    """Whether a folder is one that the layout looks into, by its path."""
    layout = layout_of(cohort)
    if layout.subject:
        return lambda path: _in_layout(layout, path)
    ancestors = {str(parent) for path in below for parent in Path(path).parents}
    return ancestors.__contains__


def _in_layout(layout: Layout, path: str) -> bool:
    parts = path.split("/")
    if parts[0] == "derivatives":
        return len(parts) <= 2 or (len(parts) <= DEPTH + 2 and _all_known(layout, parts[2:]))
    return len(parts) <= DEPTH and bool(re.fullmatch(layout.subject, parts[0])) and _all_known(layout, parts[1:])


def _all_known(layout: Layout, parts: list[str]) -> bool:
    return all(re.fullmatch(layout.folders, part) for part in parts)


def _walk(folder: Path, relative: str, opened: Callable[[str], bool], above: Above) -> Found:
    """Every scan-like file of the folders that are opened, and each topmost folder that isn't with its count.

    Hidden folders (.git, .datalad) are no part of a data set, and are left out.

    Parameters
    ----------
    above : the folders that this one lies in, so that a link to one of them isn't followed for ever.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield printable(relative), -1
        return
    for entry in entries:
        path = f"{relative}/{entry.name}" if relative else entry.name
        if _is_folder(entry):
            if entry.name.startswith(".") or (identity := _identity(entry)) in above:
                continue
            if opened(printable(path)):
                yield from _walk(Path(entry.path), path, opened, (*above, identity))
            else:
                yield printable(path), _count(Path(entry.path), (*above, identity))
        elif IS_SCAN.fullmatch(entry.name):
            yield printable(path), None


def _count(folder: Path, above: Above) -> int:
    """Scan-like files in and below a folder; -1 where it can't be read."""
    found = [held for _, held in _walk(folder, "", lambda path: True, above)]
    return -1 if found == [-1] else sum(held is None for held in found)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _identity(entry: os.DirEntry | Path) -> tuple[int, int]:
    status = entry.stat()
    return status.st_dev, status.st_ino


def _rows_without_folder(cohort: Cohort, root: Path, sessions: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Subjects of the participants table that have no folder, or, where there are none by subject, no scan."""
    table = " and ".join(path.name for path in participants_paths(cohort, root))
    what = "folder" if layout_of(cohort).subject else "scan"
    reason = f"a row of {table} without a {what}: supply the scans, or leave the row"
    return [(name, 0, reason) for name in without_folder(read_participants(cohort, root), sessions["subject"])]

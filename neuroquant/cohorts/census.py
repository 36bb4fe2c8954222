"""The account of a cohort's folder: everything below its root that looks like a scan, used or not, and why not."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from neuroquant.cohorts.choice import unfit
from neuroquant.cohorts.identifiers import without_folder
from neuroquant.cohorts.index import NOT_USED, candidates
from neuroquant.cohorts.layouts.base import IS_SCAN, Layout
from neuroquant.cohorts.phenotypes import read_participants
from neuroquant.cohorts.source import Source
from neuroquant.files import printable, read_tsv, write_tsv
from neuroquant.tables import NOT_LOOKED_AT, SESSION_KEY

Above = tuple[tuple[int, int], ...]
"""Device and inode of each folder on the way down."""
Counted = Iterator[tuple[str, int | None]]
"""Path below the root; None for a scan-like file, or how many a folder that isn't opened holds (-1: can't be read)."""


@dataclass(frozen=True)
class Census:
    """Files that look like scans, below the root: each is counted once.

    Attributes
    ----------
    used : files that `sessions.tsv` names.
    excluded : files of sessions that are out.
    outside : files that `sessions.tsv` names outside of the root, which aren't counted otherwise.
    unseen : all others, with their reason (columns `NOT_LOOKED_AT`).
    """

    used: int
    excluded: int
    outside: int
    unseen: pd.DataFrame = field(repr=False)

    @property
    def total(self) -> int:
        """All files below the root that look like scans."""
        return self.used + self.excluded + int(self.unseen["files"].sum())


def write_unseen(source: Source, inventory_tsv: Path, index: Path, unseen_tsv: Path) -> None:
    """Write what of a cohort's folder wasn't looked at; `index` holds `sessions.tsv` and `excluded.tsv`."""
    write_tsv(take_census(source, inventory_tsv, index).unseen, unseen_tsv)


def read_unseen(unseen_tsv: Path) -> pd.DataFrame:
    """What wasn't looked at, as `write_unseen` wrote it: columns `NOT_LOOKED_AT`, `files` as numbers."""
    table = read_tsv(unseen_tsv, ("files",))
    return table.astype({"files": int})


def take_census(source: Source, inventory_tsv: Path, index: Path) -> Census:
    """Walk the whole folder of a cohort and say of each scan-like file what became of it.

    Parameters
    ----------
    index : folder with `sessions.tsv` and `excluded.tsv`.
    """
    kept, dropped = read_tsv(index / "sessions.tsv"), read_tsv(index / "excluded.tsv")
    root, layout = source.root, source.layout
    fates = _fates(source, inventory_tsv, kept, dropped)
    below = {os.path.relpath(root / path, root): fate for path, fate in fates.items()}
    used = {path for path, fate in below.items() if fate == "used"}
    counts = {"used": 0, "out": 0}
    rows: list[tuple[str, int, str]] = []
    for path, held in _walk(root, "", layout.opened(below), (_identity(root),)):
        fate = below.get(path)
        number = 1 if held is None else max(held, 0)
        if fate in counts:
            counts[fate] += number
        elif fate:
            rows.append((path, number, fate))
        elif reason := _why_not(layout, path, held):
            rows.append((path, number, reason))
    outside = sum(path.startswith("..") for path in used)
    rows += _rows_without_folder(source, pd.concat([kept[SESSION_KEY], dropped[SESSION_KEY]]))
    return Census(counts["used"], counts["out"], outside, pd.DataFrame(sorted(rows), columns=NOT_LOOKED_AT))


def _why_not(layout: Layout, path: str, held: int | None) -> str:
    """Why a file or a folder (with `held` files; -1: unreadable) isn't looked at; empty where nobody would ask."""
    if held is None:
        return layout.why_file(path)
    if held < 0:
        return "a folder that can't be read: give yourself the right to (chmod u+rx)"
    return layout.why_folder(path, held)


def _fates(source: Source, inventory_tsv: Path, kept: pd.DataFrame, dropped: pd.DataFrame) -> dict[str, str]:
    """Path of the inventory -> "used", "out" (of an excluded session), or why it was passed over."""
    used = {path for kind in source.kinds for path in kept[kind] if path}
    out = set(zip(dropped["subject"], dropped["session"], strict=True))
    taken = {(row["subject"], row["session"]): row for row in kept.to_dict("records")}
    fates = {}
    for key, files in candidates(source, inventory_tsv).items():
        for kind, paths in files.items():
            for path in paths:
                if path in used:
                    fates[path] = "used"
                elif key in out:
                    fates[path] = "out"
                elif key in taken and kind in source.kinds:
                    fates[path] = _passed_over(source, kind, path, taken[key][kind])
                elif kind.startswith("unwritable"):
                    fates[path] = NOT_USED["unwritable"]
                elif key not in taken:
                    fates[path] = "a mask or label map without a scan: supply the scan, or leave it"
    return fates


def _passed_over(source: Source, kind: str, path: str, taken: str) -> str:
    """Why another file of a session was taken in place of this one, or none."""
    why = unfit(path, source.cohort.entities) if kind in source.modalities else ""
    if why:
        return f"passed over, it {why}: `entities` chooses"
    if taken:
        return f"passed over for another of its session ({taken.rpartition('/')[2]}): `entities` chooses"
    return "passed over, it is in another space or of another run than its session's scan: supply one of that scan"


def _walk(folder: Path, relative: str, opened: Callable[[str], bool], above: Above) -> Counted:
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


def _rows_without_folder(source: Source, sessions: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Subjects of the participants table that have no folder, or, where there are none by subject, no scan."""
    reason = f"a row of {source.participants_names} without a {source.layout.holds}: supply the scans, or leave the row"
    return [(name, 0, reason) for name in without_folder(read_participants(source), sessions["subject"])]

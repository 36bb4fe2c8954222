"""The inventory: every file of interest with its size and time, taken while the DAG is planned."""

import csv
import io
import os
from pathlib import Path

from neuroquant.cohorts.layouts.base import Entry, stamp
from neuroquant.cohorts.phenotypes import read_participants
from neuroquant.cohorts.source import Source
from neuroquant.errors import InputError
from neuroquant.files import write_text


def check_root(source: Source) -> None:
    """Make sure that a cohort's folder can be used at all.

    Raises
    ------
    InputError
        If the folder is missing or can't be read, isn't laid out as configured, or its participants table is missing
        or lacks subject or sex.
    """
    where, root = f"cohort {source.cohort.name}: root", source.root
    edit = "correct `root` in the cohort's file in config/cohorts/"
    if not source.cohort.root or not root.is_dir():
        raise InputError(where, f"{source.cohort.root or 'nothing'}: no such folder", "the cohort's folder", edit)
    try:
        names = [entry.name for entry in os.scandir(root)]
    except OSError as error:
        raise InputError(where, f"{root}: {error.strerror}", "a folder that can be read", edit) from None
    source.layout.check(root, names)
    read_participants(source)


def refresh_inventory(source: Source, path: Path) -> bool:
    """Take the inventory of a cohort's folder; rewrite `path` only if its text changes. Returns whether it did.

    Columns: path (relative to the root), bytes, mtime_ns; the latter two negative for what can't be used.
    """
    table = io.StringIO()
    csv.writer(table, delimiter="\t", lineterminator="\n").writerows(
        [("path", "bytes", "mtime_ns"), *take_inventory(source)]
    )
    text = table.getvalue()
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True


def take_inventory(source: Source) -> list[Entry]:
    """Every scan, mask, label map and table of a cohort, sorted by path.

    Listed too: folders that can't be read, and folders of subjects and sessions that hold no scan or are named in
    another way than the layout has it.

    Raises
    ------
    InputError
        If the root itself can't be read.
    """
    tables = [stamp(Path(path), path) for path in source.cohort.participants_tables]
    return sorted({*source.layout.entries(source.root), *tables})

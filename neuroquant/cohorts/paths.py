"""A table of paths: which file is whose, where a cohort's folder follows no pattern."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from neuroquant.cohorts.identifiers import whole
from neuroquant.cohorts.layouts import KINDS
from neuroquant.cohorts.phenotypes import read_table
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import file_name, printable

Owner = tuple[str, str, str]
"""Kind (`unwritable t1w` and so on where no table can hold subject or session), subject, session."""


def paths_of(cohort: Cohort) -> dict[str, Owner]:
    """Path below the root, or absolute -> whose file it is.

    Raises
    ------
    InputError
        If the table lacks subject, or both t1w and t2w; if a file or a session stands in two rows.
    """
    path = Path(cohort.table)
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    return dict(_read(path, stamp, cohort.columns.get("subject", ""), cohort.subject_format))


@lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int, subject: str, shape: str) -> tuple[tuple[str, Owner], ...]:
    return tuple(_entries(path, subject, shape))


def _entries(path: Path, named: str, shape: str) -> Iterator[tuple[str, Owner]]:
    subjects = [name for name in (named, "subject", "participant_id") if name]
    rows = read_table(path, subjects)
    column = next((name for name in subjects if name in rows[0]), "")
    if not column or not {"t1w", "t2w"} & rows[0].keys():
        found = f"columns {', '.join(rows[0])}"
        raise InputError(str(path), found, "subject, and t1w or t2w or both", "add or rename columns")
    sessions, files = set(), set()
    for line, row in enumerate(rows, start=2):
        told = shape.format(whole(row[column])), row.get("session", "")
        key = printable(told[0]), printable(told[1])
        odd = "" if key == told else "unwritable "
        if not odd:
            file_name(f"{path}, line {line}", *key)  # files will be called after them
        named_files = [(kind, row[kind]) for kind in KINDS if row.get(kind)]
        twice = [" ".join(key).strip()] if key in sessions else [file for _, file in named_files if file in files]
        if twice:
            raise InputError(
                f"{path}, line {line}", f"{twice[0]} for the second time", "a row a session, a file in one place",
                "keep one of them",
            )  # fmt: skip
        sessions.add(key)
        files.update(file for _, file in named_files)
        yield from ((file, (f"{odd}{kind}", *key)) for kind, file in named_files)

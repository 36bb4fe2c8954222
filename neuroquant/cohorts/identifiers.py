"""Whose row of a table is whose folder, however tables and folders write numbers."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

Row = TypeVar("Row")


def whole(value: str) -> str:
    """A whole number without the .0 (or ,0) that spreadsheets add; any other value as it is."""
    return re.sub(r"^(\d+)[.,]0+$", r"\1", value)


def plain(session: str) -> str:
    """A session's name without what tables and folders write differently: `ses-`, case, underscores, zeros in front.

    Examples
    --------
    >>> plain("ses-01"), plain("Baseline_Year_1"), plain("2.0")
    ('1', 'baselineyear1', '2')
    """
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[^a-z0-9]", "", whole(session.lower().removeprefix("ses-"))))


def by_folder(people: Mapping[str, Row], folders: Iterable[str], table: str) -> dict[str, Row | str]:
    """Subject's folder -> their row, or in words why there is none.

    A folder that no row names belongs to the row of the same number (sub-007 to 7), if no other folder and no other row
    has that number.

    Parameters
    ----------
    people : what the table calls a subject, as a folder's name -> their row.
    table : the table's name, for the reason.

    Examples
    --------
    >>> by_folder({"sub-7": "F", "sub-8": "M"}, ["sub-007", "sub-8"], "participants.tsv")
    {'sub-007': 'F', 'sub-8': 'M'}
    """
    persons: dict[str, Row | str] = {}
    rows, namesakes = _by_number(people), _by_number(folders)
    for folder in folders:
        same, others = rows[_number(folder)], [name for name in namesakes[_number(folder)] if name != folder]
        if folder in people:
            persons[folder] = people[folder]
        elif len(same) == 1 and not others:
            persons[folder] = people[same[0]]
        elif same and (len(same) > 1 or same[0] not in others):
            candidates = f"row {same[0]} could be {' or '.join(sorted([folder, *others]))}"
            if len(same) > 1:
                candidates = f"rows {' and '.join(sorted(same))} could both be it"
            persons[folder] = f"not in {table} under this name; {candidates}: write the folder's name there"
        else:
            persons[folder] = f"not in {table}: add a row, or check how the table writes its name"
    return persons


def without_folder(people: Iterable[str], folders: Iterable[str]) -> list[str]:
    """Rows that are nobody's: neither their name nor their number is a folder's."""
    there = set(folders)
    numbers = {_number(folder) for folder in there} - {None}
    return sorted(name for name in people if name not in there and _number(name) not in numbers)


def _number(name: str) -> tuple[str, int] | None:
    """What stands before a name's last number, and the number; None where it doesn't end in one."""
    parts = re.fullmatch(r"(.*?)0*([0-9]{1,18})", name, re.DOTALL)
    return (parts[1], int(parts[2])) if parts else None


def _by_number(names: Iterable[str]) -> dict[tuple[str, int] | None, list[str]]:
    numbers: dict[tuple[str, int] | None, list[str]] = defaultdict(list)
    for name in names:
        if (number := _number(name)) is not None:
            numbers[number].append(name)
    return numbers

"""Who the subjects are: sex, age and family from the participants table, age a visit from BIDS sessions tables."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from neuroquant.cohorts.layouts import LAYOUTS
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError

SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}
MISSING = {"", "n/a", "na", "nan"}


@dataclass(frozen=True)
class Participant:
    """One subject; `sex` is "F", "M", or what stood there where it is neither; `age` in years, nan where unknown."""

    sex: str
    age: float
    family: str


def participants_path(cohort: Cohort, root: Path) -> Path:
    """The participants table of a cohort."""
    return Path(cohort.participants) if cohort.participants else root / "participants.tsv"


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a TSV or CSV; separator and BOM are recognised.

    Raises
    ------
    InputError
        If the table is missing, empty or not text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            str(path), f"not readable ({error})", "a UTF-8 table", "supply it, or correct `participants`"
        ) from None
    header = text.partition("\n")[0]
    separator = max("\t,;", key=header.count)
    rows = list(csv.DictReader(io.StringIO(text), delimiter=separator))
    if not rows:
        raise InputError(str(path), "no rows", "a header and a row a subject", "supply the table")
    return [{(key or "").strip(): (value or "").strip() for key, value in row.items() if key} for row in rows]


def read_participants(cohort: Cohort, root: Path) -> dict[str, Participant]:
    """Subject -> who they are.

    Raises
    ------
    InputError
        If a column is missing, or two rows of a subject disagree in sex or family.
    """
    path, layout = participants_path(cohort, root), LAYOUTS[cohort.layout]
    rows = read_table(path)
    names = {kind: next((n for n in options if n in rows[0]), None) for kind, options in layout.columns.items()}
    for kind in ("subject", "sex"):
        if names[kind] is None:
            raise InputError(
                str(path),
                f"columns {', '.join(rows[0])}",
                f"a column for the {kind}, named {' or '.join(layout.columns[kind])}",
                "add the column, or rename it",
            )
    people: dict[str, Participant] = {}
    for row in rows:
        person = Participant(
            SEXES.get(row[names["sex"]].lower(), row[names["sex"]]),
            number(row.get(names["age"] or "", "")) * layout.age_in_years,
            known(row.get(names["family"] or "", "")),
        )
        subject = row[names["subject"]]
        before = people.setdefault(subject, person)
        if (before.sex, before.family) != (person.sex, person.family):
            raise InputError(
                str(path), f"subject {subject} twice, with other values", "one row a subject", "remove one of them"
            )
    return people


def session_ages(path: Path) -> dict[str, float]:
    """Session -> age in years, from a BIDS `*_sessions.tsv`; empty where there is none or no age in it."""
    if not path.is_file():
        return {}
    rows = read_table(path)
    if not {"session_id", "age"} <= rows[0].keys():
        return {}
    return {row["session_id"]: number(row["age"]) for row in rows}


def known(value: str) -> str:
    """The value, or an empty string for what BIDS writes where it is missing."""
    return "" if value.lower() in MISSING else value


def number(value: str) -> float:
    """A number; nan where it is missing or none."""
    try:
        return float(known(value) or "nan")
    except ValueError:
        return float("nan")

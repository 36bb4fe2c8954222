"""Who the subjects are: sex, age, family, site and scanner, from the participants table and BIDS sessions tables."""

import csv
import io
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from neuroquant.cohorts.layouts import MONTHS, NEEDED, layout_of
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError

SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}
MISSING = {"", "n/a", "na", "nan"}


@dataclass(frozen=True)
class Participant:
    """One subject; `sex` is "F", "M", or what stood there where it is neither; `age` in years, nan where unknown.

    Family, site and scanner are empty where they are unknown.
    """

    sex: str
    age: float
    family: str
    site: str = ""
    scanner: str = ""


def participants_path(cohort: Cohort, root: Path) -> Path:
    """The participants table of a cohort; of a table of paths, that table, unless another is named."""
    if cohort.participants:
        return Path(cohort.participants)
    return Path(cohort.table) if cohort.layout == "table" else root / "participants.tsv"


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a TSV or CSV; separator and BOM are recognised, rows without any value are dropped.

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
    rows = [
        {(key or "").strip(): (value or "").strip() for key, value in row.items() if key}
        for row in csv.DictReader(io.StringIO(text), delimiter=separator)
    ]
    rows = [row for row in rows if any(row.values())]
    if not rows:
        raise InputError(str(path), "no rows", "a header and a row a subject", "supply the table")
    return rows


def read_participants(cohort: Cohort, root: Path) -> dict[str, Participant]:
    """Subject's folder -> who they are.

    Raises
    ------
    InputError
        If the table or a column of it is missing, a subject stands in two rows, or nobody's sex is known.
    """
    path, layout = participants_path(cohort, root), layout_of(cohort)
    rows = read_table(path)
    names = _columns(path, rows[0], columns_of(cohort))
    people: dict[str, Participant] = {}
    visits = cohort.layout == "table" and path == Path(cohort.table)  # a row a session, with the same facts in each
    for row in rows:
        subject = cohort.subject_format.format(layout.subject_of(row[names["subject"]]))
        sex = row[names["sex"]]
        person = Participant(
            cohort.sex_codes.get(sex, SEXES.get(sex.lower(), known(sex))),
            number(row.get(names["age"], "")) / (12 if names["age"] in MONTHS else 1),
            *(known(row.get(names[kind], "")) for kind in ("family", "site", "scanner")),
        )
        known_as = people.get(subject)
        if visits and known_as and (person.sex, person.family) == (known_as.sex, known_as.family):
            continue
        if subject in people:
            raise InputError(str(path), f"subject {subject} in two rows", "one row a subject", "remove one of them")
        people[subject] = person
    found = {person.sex for person in people.values()}
    if not found & {"F", "M"}:
        raise InputError(
            f"{path}: {names['sex']}",
            "only " + ", ".join(sorted(repr(sex) for sex in found)[:5]),
            "F, M, female or male",
            "write the sexes out, or say in `sex_codes` what each code stands for: that isn't for us to guess",
        )
    return people


def columns_of(cohort: Cohort) -> dict[str, tuple[str, ...]]:
    """What the participants table may call what it tells of a subject; the cohort's own name is the only one."""
    own = {kind: (name,) for kind, name in cohort.columns.items()}
    return layout_of(cohort).columns | own


def _columns(path: Path, row: dict[str, str], options: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """What this table calls what it tells of a subject; an empty string for what it doesn't."""
    names = {kind: next((name for name in among if name in row), "") for kind, among in options.items()}
    for kind in NEEDED:
        if not names[kind]:
            raise InputError(
                str(path),
                f"columns {', '.join(row)}",
                f"a column for the {kind}, named {' or '.join(options[kind])}",
                "add the column, or rename it",
            )
    return names


@lru_cache(maxsize=4)
def session_facts(path: Path) -> dict[str, dict[str, float | str]]:
    """Session -> its age in years, site and scanner, as far as a BIDS `*_sessions.tsv` knows them."""
    if not path.is_file():
        return {}
    try:
        rows = read_table(path)
    except InputError as error:
        print(f"ages of visits are unknown: {error}")
        return {}
    if "session_id" not in rows[0]:
        return {}
    facts = {}
    for row in rows:
        age = number(row.get("age", ""))
        told = {kind: known(row.get(kind, "")) for kind in ("site", "scanner")}
        facts[row["session_id"]] = ({"age": age} if math.isfinite(age) else {}) | {k: v for k, v in told.items() if v}
    return facts


def known(value: str) -> str:
    """The value, or an empty string for what BIDS writes where it is missing."""
    return "" if value.lower() in MISSING else value


def number(value: str) -> float:
    """A number; nan where it is missing, infinite or none."""
    try:
        found = float(known(value) or "nan")
    except ValueError:
        return math.nan
    return found if math.isfinite(found) else math.nan

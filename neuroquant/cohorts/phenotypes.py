"""Who the subjects are: sex, age, family, site, scanner, and what probes predict, from one or several tables.

BIDS sessions tables are read too.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from neuroquant.cohorts.identifiers import plain, whole
from neuroquant.cohorts.reading import read_table
from neuroquant.cohorts.source import Source
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import printable
from neuroquant.tables import OF_VISITS, TARGET

SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}
MISSING = {"", "n/a", "na", "nan", "none", "null"}
COLUMNS = {
    "subject": ("participant_id", "subject", "src_subject_id"),
    "session": ("session_id", "session", "visit", "eventname"),
    "sex": ("sex", "gender"),
    "age": ("age", "visit_age", "interview_age"),
    "family": ("family_id", "family", "rel_family_id"),
    "site": ("site", "site_id", "site_id_l"),
    "scanner": ("scanner", "scanner_id", "mri_info_deviceserialnumber"),
}
"""What participants tables call these, in order of preference."""
NEEDED = ("subject", "sex")
"""What a participants table can't be without; the rest is empty where it is unknown."""
MONTHS = frozenset({"interview_age"})
"""Age columns in months; all others are in years."""
BAND = r"(\d+(?:[.,]\d+)?)\s*(?:-|–|to)\s*(\d+(?:[.,]\d+)?)"
OLDEST = 120
"""Years; what is older, or younger than 0, is a code for a missing age."""
Facts = dict[str, float | str]
"""age in years, site, scanner, and columns that only probes read, named with `TARGET`: what is known of them."""


@dataclass(frozen=True)
class Participant:
    """One subject; `sex` is "F", "M", or what stood there where it is neither; `age` in years, nan where unknown.

    Family, site and scanner are empty where they are unknown. `visits` says what a table with a row per visit says of
    each, by `plain` name; `conflict` in words what two rows contradict each other about, empty where they don't.
    `others` has the columns that only probes read, as text, empty where it is unknown.
    """

    sex: str
    age: float = math.nan
    family: str = ""
    site: str = ""
    scanner: str = ""
    visits: dict[str, Facts] = field(default_factory=dict)
    conflict: str = ""
    others: Facts = field(default_factory=dict)

    def at(self, session: str) -> Facts:
        """Age, site, scanner and what only probes read at a session, as far as they are known."""
        own: Facts = {kind: getattr(self, kind) for kind in OF_VISITS} | self.others
        return own | self.visits.get(plain(session), {})


@dataclass
class Collected:
    """What the rows of all tables say of the subjects, as it is gathered.

    Attributes
    ----------
    values : subject -> fact -> each value that some row has of it
    visits : subject -> visit -> what its row says of that visit
    sexes : "table: column" of the sexes, of each table that has them
    """

    values: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    visits: dict[str, dict[str, Facts]] = field(default_factory=dict)
    sexes: list[str] = field(default_factory=list)

    def add(self, subject: str, facts: dict[str, str]) -> None:
        """One row, its cells as text; `session` says of which visit it is, where it does."""
        visit = facts.pop("session")
        if visit:
            there: Facts = {kind: value for kind, value in facts.items() if value and of_visits(kind)}
            there |= {"age": float(there["age"])} if "age" in there else {}
            self.visits.setdefault(subject, {}).setdefault(plain(visit), {}).update(there)
        own = self.values.setdefault(subject, {kind: [] for kind in facts})
        for kind, value in facts.items():
            if value not in ("", "nan", *own[kind]) and not (kind == "age" and visit):
                own[kind].append(value)


def read_participants(source: Source) -> dict[str, Participant]:
    """Subject's folder -> who they are, from all tables joined by the subject.

    Rows of one subject complement each other. Where they contradict each other about sex or family the subject can't be
    used; an age that differs without a visit to tell the rows apart is unknown.

    Raises
    ------
    InputError
        If a table or its column of subjects is missing, no table has sexes, or nobody's sex is known.
    """
    cohort, paths, collected = source.cohort, source.participants_paths, Collected()
    options = columns_of(cohort) | {TARGET + name: (name,) for name in source.targets}
    codes = {whole(code): sex for code, sex in cohort.sex_codes.items()}
    for path in paths:
        rows = read_table(path, columns_of(cohort)["subject"])
        names = _columns(path, rows[0], options, one_of_several=len(paths) > 1)
        collected.sexes += [f"{path}: {names['sex']}"] if names["sex"] else []
        for row in rows:
            subject = printable(source.layout.subject_of(whole(row[names["subject"]])))
            collected.add(subject, _facts(row, names, cohort, codes))
    visits = collected.visits
    people = {subject: _person(values, visits.get(subject, {})) for subject, values in collected.values.items()}
    _check_sexes(paths, collected.sexes, people)
    return people


def _facts(row: dict[str, str], names: dict[str, str], cohort: Cohort, codes: dict[str, str]) -> dict[str, str]:
    """What a row says of its subject, fact by fact, as text; empty where it is missing.

    Parameters
    ----------
    names : fact -> its column in this table
    codes : code for a sex -> F or M
    """
    facts = {kind: known(row.get(name, "")) for kind, name in names.items() if kind != "subject"}
    facts |= {kind: "" for kind, value in facts.items() if is_missing(value, codes_of(cohort, kind))}
    facts["sex"] = codes.get(facts["sex"], SEXES.get(facts["sex"].lower(), facts["sex"]))
    facts["age"] = str(years(facts["age"], names["age"])) if facts["age"] else ""
    return facts


def _person(values: dict[str, list[str]], visits: dict[str, Facts]) -> Participant:
    """One subject from all the values that the tables have of them."""
    conflicts = [f"{kind} ({' and '.join(values[kind])})" for kind in ("sex", "family") if len(values[kind]) > 1]
    only = {kind: seen[0] if len(seen) == 1 else "" for kind, seen in values.items()}
    if len(visits) == 1:  # one row, and folders that may not name the visit
        visits = visits | {"": next(iter(visits.values()))}
    return Participant(
        **{kind: only[kind] for kind in ("sex", "family", "site", "scanner")},
        age=number(only["age"]),
        visits=visits,
        conflict=" and ".join(conflicts),
        others={kind: value for kind, value in only.items() if kind.startswith(TARGET)},
    )


def _check_sexes(paths: list[Path], columns: list[str], people: dict[str, Participant]) -> None:
    """Refuse tables that leave everybody's sex unknown."""
    if not columns:
        where = " and ".join(map(str, paths))
        raise InputError(
            where, "no column for the sex in any of them", "one of them to have it", "name it in `columns`"
        )
    sexes = {person.sex for person in people.values()}
    if not sexes & {"F", "M"}:
        raise InputError(
            columns[0],
            "only " + ", ".join(sorted(repr(sex) for sex in sexes)[:5]),
            "F, M, female or male",
            "write the sexes out, or map each code in `sex_codes`: codes are never inferred",
        )


def columns_of(cohort: Cohort) -> dict[str, tuple[str, ...]]:
    """What the participants table may call what it tells of a subject; the cohort's own name is the only one."""
    return COLUMNS | {kind: (name,) for kind, name in cohort.columns.items()}


def _columns(path: Path, row: dict[str, str], options: dict[str, tuple[str, ...]], one_of_several: bool) -> dict:
    """What this table calls what it tells of a subject; an empty string for what it doesn't. Case doesn't count."""
    there = {name.lower(): name for name in reversed(row)}
    names = {
        kind: next((there[name.lower()] for name in among if name.lower() in there), "")
        for kind, among in options.items()
    }
    for kind in NEEDED[:1] if one_of_several else NEEDED:
        if not names[kind]:
            raise InputError(
                str(path),
                f"columns {', '.join(row)}",
                f"a column for the {kind}, named {' or '.join(options[kind])}",
                "add the column, rename it, or say in the cohort's `columns` what it is called",
            )
    return names


def of_visits(kind: str) -> bool:
    """Whether a fact may differ from visit to visit."""
    return kind in OF_VISITS or kind.startswith(TARGET)


def codes_of(cohort: Cohort, kind: str) -> list[str]:
    """The cohort's codes for a missing value of a fact, or of a column that only probes read. Case doesn't count."""
    wanted = kind.removeprefix(TARGET).lower()
    return next((codes for name, codes in cohort.missing.items() if name.lower() == wanted), [])


def session_facts(path: Path, cohort: Cohort, targets: tuple[str, ...] = ()) -> dict[str, Facts]:
    """Session, as `plain` -> its age in years, site and scanner, as far as a BIDS `*_sessions.tsv` knows them.

    And the columns of the names `targets`, which only probes read.
    """
    facts = {}
    names = {kind: kind for kind in OF_VISITS} | {TARGET + name: name for name in targets}
    for row in _session_rows(path):
        cells = {
            kind: known(value)
            for kind, name in names.items()
            if not is_missing(value := row.get(name, ""), codes_of(cohort, kind))
        }
        age = years(cells.pop("age", ""))
        of_visit: Facts = {"age": age} if math.isfinite(age) else {}
        facts[plain(row["session_id"])] = of_visit | {kind: value for kind, value in cells.items() if value}
    return facts


@lru_cache(maxsize=4)
def _session_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    try:
        rows = read_table(path, ("session_id",))
    except InputError as error:
        print(f"ages of visits are unknown: {error}")
        return []
    return rows if "session_id" in rows[0] else []


def is_missing(value: str, codes: Iterable[str]) -> bool:
    """Whether a cell is one of the codes that stand for a missing value; numbers are compared as numbers."""
    return value in codes or any(number(value) == number(code) for code in codes)


def known(value: str) -> str:
    """The value, `whole`, or an empty string for what BIDS writes where it is missing."""
    return "" if value.lower() in MISSING else whole(value)


def years(value: str, column: str = "") -> float:
    """An age in years; the middle of a band such as 22-25, the lower end of 36+, nan where it is none of these.

    Ages below 0 and above `OLDEST` are codes for missing ones.
    """
    band = re.fullmatch(BAND, value.strip())
    stated = (number(band[1]) + number(band[2])) / 2 if band else number(value.strip().removesuffix("+"))
    age = stated / (12 if column.lower() in MONTHS else 1)
    return age if 0 <= age <= OLDEST else math.nan


@lru_cache(maxsize=4096)
def number(value: str) -> float:
    """A number, with a decimal point or a decimal comma; nan where it is missing, infinite or none."""
    try:
        parsed = float(re.sub(r"^([+-]?\d+),(\d+)$", r"\1.\2", known(value)) or "nan")
    except ValueError:
        return math.nan
    return parsed if math.isfinite(parsed) else math.nan

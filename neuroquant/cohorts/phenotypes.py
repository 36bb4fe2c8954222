"""Who the subjects are: sex, age, family, site and scanner, from one or several tables and BIDS sessions tables."""

import csv
import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from neuroquant.cohorts.identifiers import plain, whole
from neuroquant.cohorts.layouts import MONTHS, NEEDED, layout_of
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import printable

SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}
MISSING = {"", "n/a", "na", "nan", "none", "null"}
OF_VISITS = ("age", "site", "scanner")
"""What may differ from visit to visit."""
BAND = r"(\d+(?:[.,]\d+)?)\s*(?:-|–|to)\s*(\d+(?:[.,]\d+)?)"
OLDEST = 120
"""Years; what is older, or younger than 0, is a code for a missing age."""
UTF16 = (b"\xff\xfe", b"\xfe\xff")
Facts = dict[str, float | str]
"""age in years, site, scanner: what is known of them."""


@dataclass(frozen=True)
class Participant:
    """One subject; `sex` is "F", "M", or what stood there where it is neither; `age` in years, nan where unknown.

    Family, site and scanner are empty where they are unknown. `visits` says what a table with a row a visit tells of
    each, by `plain` name; `conflict` in words what two rows contradict each other about, empty where they don't.
    """

    sex: str
    age: float = math.nan
    family: str = ""
    site: str = ""
    scanner: str = ""
    visits: dict[str, Facts] = field(default_factory=dict)
    conflict: str = ""

    def at(self, session: str) -> Facts:
        """Age, site and scanner at a session, as far as they are known."""
        own: Facts = {kind: getattr(self, kind) for kind in OF_VISITS}
        return own | self.visits.get(plain(session), {})


def participants_paths(cohort: Cohort, root: Path) -> list[Path]:
    """The participants tables of a cohort; of a table of paths, that table, unless others are named."""
    if cohort.participants_tables:
        return [Path(path) for path in cohort.participants_tables]
    return [Path(cohort.table) if cohort.layout == "table" else root / "participants.tsv"]


def read_table(path: Path, key: Iterable[str]) -> list[dict[str, str]]:
    """Rows of a TSV or CSV; separator and BOM are recognised, rows without any value are dropped.

    The separator is the one with which the header has a column named in `key`, else the most frequent. Between tabs a
    quotation mark that is never closed is a character like any other, and takes no rows with it.

    Raises
    ------
    InputError
        If the table is missing, empty or not text, or its quotation marks don't pair.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-16" if raw.startswith(UTF16) else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "supply it, or correct `participants`"
        if path.suffix.lower() in (".xls", ".xlsx", ".ods"):
            remedy = "save the spreadsheet as CSV, and name that"
        raise InputError(str(path), f"not readable ({error})", "a UTF-8 table (TSV or CSV)", remedy) from None
    header = text.partition("\n")[0]
    wanted = {name.lower() for name in key}

    def fitness(separator: str) -> tuple[bool, int]:
        cells = {bare(cell).lower() for cell in header.split(separator)}
        return not wanted.isdisjoint(cells), header.count(separator)

    separator = max("\t,;", key=fitness)
    quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting, strict=True)
    try:
        rows = [_cells(path, table, row) for row in table]
    except csv.Error as error:
        where, expected = f"{path}, line {table.reader.line_num}", "quotation marks in pairs about whole cells"
        raise InputError(where, str(error), expected, "close or remove the quotation mark, there or above") from None
    rows = [row for row in rows if any(row.values())]
    if not rows:
        raise InputError(str(path), "no rows", "a header and a row a subject", "supply the table")
    return rows


def _cells(path: Path, table: csv.DictReader, row: dict) -> dict[str, str]:
    """Column -> cell of one row; more cells than columns are refused, since which cell is whose is unknown."""
    beyond = [cell for cell in row.pop(None, []) if bare(cell)]
    if beyond:
        count = len(table.fieldnames or ())
        raise InputError(
            f"{path}, line {table.reader.line_num}",
            f"more cells than the {count} columns of the header, at its end {', '.join(map(repr, beyond[:3]))}",
            "a cell a column",
            "name every column in the header; put numbers with a decimal comma into quotation marks, or separate cells "
            "by tabs or semicolons",
        )
    return {bare(name): bare(value or "") for name, value in row.items() if name}


def bare(cell: str) -> str:
    """A cell without spaces around it, nor quotation marks."""
    cell = cell.strip()
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"').strip() if quoted else cell


def read_participants(cohort: Cohort, root: Path) -> dict[str, Participant]:
    """Subject's folder -> who they are, from all tables joined by the subject.

    Rows of one subject complement each other. Where they contradict each other about sex or family the subject can't be
    used; an age that differs without a visit to tell the rows apart is unknown.

    Raises
    ------
    InputError
        If a table or its column of subjects is missing, no table has sexes, or nobody's sex is known.
    """
    paths = participants_paths(cohort, root)
    seen: dict[str, dict[str, list[str]]] = {}
    visits: dict[str, dict[str, Facts]] = {}
    sexes: list[str] = []
    layout, codes = layout_of(cohort), {whole(code): sex for code, sex in cohort.sex_codes.items()}
    for path in paths:
        rows = read_table(path, columns_of(cohort)["subject"])
        names = _columns(path, rows[0], columns_of(cohort), one_of_several=len(paths) > 1)
        sexes += [f"{path}: {names['sex']}"] if names["sex"] else []
        for row in rows:
            subject = printable(layout.subject_of(whole(row[names["subject"]]), cohort.subject_format))
            told = {kind: known(row.get(name, "")) for kind, name in names.items() if kind != "subject"}
            told |= {kind: "" for kind, value in told.items() if is_missing(value, cohort.missing.get(kind, ()))}
            told["sex"] = codes.get(told["sex"], SEXES.get(told["sex"].lower(), told["sex"]))
            told["age"] = str(years(told["age"], names["age"])) if told["age"] else ""
            visit = told.pop("session")
            if visit:
                facts = visits.setdefault(subject, {}).setdefault(plain(visit), {})
                facts |= {k: float(told[k]) if k == "age" else told[k] for k in OF_VISITS if told[k]}
            mine = seen.setdefault(subject, {kind: [] for kind in told})
            for kind, value in told.items():
                if value not in ("", "nan", *mine[kind]) and not (kind == "age" and visit):
                    mine[kind].append(value)
    people = {subject: _person(values, visits.get(subject, {})) for subject, values in seen.items()}
    _check_sexes(paths, sexes, people)
    return people


def _person(values: dict[str, list[str]], visits: dict[str, Facts]) -> Participant:
    """One subject from all the values that the tables have of them."""
    conflicts = [f"{kind} ({' and '.join(values[kind])})" for kind in ("sex", "family") if len(values[kind]) > 1]
    only = {kind: found[0] if len(found) == 1 else "" for kind, found in values.items()}
    if len(visits) == 1:  # one row, and folders that may not name the visit
        visits = visits | {"": next(iter(visits.values()))}
    return Participant(
        **{kind: only[kind] for kind in ("sex", "family", "site", "scanner")},
        age=number(only["age"]),
        visits=visits,
        conflict=" and ".join(conflicts),
    )


def _check_sexes(paths: list[Path], columns: list[str], people: dict[str, Participant]) -> None:
    """Refuse tables that leave everybody's sex unknown."""
    if not columns:
        where = " and ".join(map(str, paths))
        raise InputError(
            where, "no column for the sex in any of them", "one of them to have it", "name it in `columns`"
        )
    found = {person.sex for person in people.values()}
    if not found & {"F", "M"}:
        raise InputError(
            columns[0],
            "only " + ", ".join(sorted(repr(sex) for sex in found)[:5]),
            "F, M, female or male",
            "write the sexes out, or say in `sex_codes` what each code stands for: that isn't for us to guess",
        )


def columns_of(cohort: Cohort) -> dict[str, tuple[str, ...]]:
    """What the participants table may call what it tells of a subject; the cohort's own name is the only one."""
    own = {kind: (name,) for kind, name in cohort.columns.items()}
    return layout_of(cohort).columns | own


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


def session_facts(path: Path, cohort: Cohort) -> dict[str, Facts]:
    """Session, as `plain` -> its age in years, site and scanner, as far as a BIDS `*_sessions.tsv` knows them."""
    facts = {}
    for row in _session_rows(path):
        told = {
            kind: known(value)
            for kind in OF_VISITS
            if not is_missing(value := row.get(kind, ""), cohort.missing.get(kind, ()))
        }
        age = years(told.pop("age", ""))
        mine: Facts = {"age": age} if math.isfinite(age) else {}
        facts[plain(row["session_id"])] = mine | {kind: value for kind, value in told.items() if value}
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
    found = (number(band[1]) + number(band[2])) / 2 if band else number(value.strip().removesuffix("+"))
    age = found / (12 if column.lower() in MONTHS else 1)
    return age if 0 <= age <= OLDEST else math.nan


def number(value: str) -> float:
    """A number, with a decimal point or a decimal comma; nan where it is missing, infinite or none."""
    try:
        found = float(re.sub(r"^([+-]?\d+),(\d+)$", r"\1.\2", known(value)) or "nan")
    except ValueError:
        return math.nan
    return found if math.isfinite(found) else math.nan

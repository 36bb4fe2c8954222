"""What probes predict beside the paper's sex: columns of participants tables, as classes or as numbers."""

import difflib
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.cohorts.phenotypes import columns_of, known, number, read_participants
from neuroquant.cohorts.reading import read_table
from neuroquant.cohorts.source import Source
from neuroquant.config.base import FACTS
from neuroquant.config.evaluation import SEX
from neuroquant.config.experiment import Experiment
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv
from neuroquant.tables import TARGET, TARGET_VALUES, TARGETS

REGRESSION, CLASSIFICATION = "regression", "classification"
MOSTLY = 0.8
"""Share of the values from which on a column is taken for numbers with something else among them."""
SEXES = ("M", "F")
"""Classes of sex in the order in which every probe counts them."""


@dataclass(frozen=True)
class Kind:
    """What a target is: classes in their order, or a number, which has none."""

    classes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """In words."""
        return CLASSIFICATION if self.classes else REGRESSION


def check_columns(experiment: Experiment) -> None:
    """Refuse targets that nothing can be learned of, by the participants tables alone: no scan is looked for.

    Cohorts that the workflow makes itself have no columns beside those that every cohort has.

    Raises
    ------
    InputError
        If no cohort has a column, or what the tables have of it is all alike, free text, or missing.
    """
    names = experiment.probe.columns
    if not names:
        return
    sources = [Source.of(experiment, cohort.name) for cohort in experiment.cohorts if not cohort.synthetic]
    headers = {source.cohort.name: header(source) for source in sources}
    people = {source.cohort.name: read_participants(source) for source in sources}
    for name in names:
        if not any(name.lower() in there for there in headers.values()):
            raise _no_column(name, headers)
        values = pd.DataFrame(
            [
                (cohort, subject, str(facts[TARGET + name]))
                for cohort, those in people.items()
                for subject, person in those.items()
                for facts in (person.others, *person.visits.values())
                if facts.get(TARGET + name)
            ],
            columns=["cohort", "subject", "value"],
        )
        kind_of(name, values, experiment.probe.most_classes)


def header(source: Source) -> dict[str, str]:
    """Columns of a cohort's participants tables, by their name in lower case."""
    key = columns_of(source.cohort)["subject"]
    return {name.lower(): name for path in source.participants_paths for name in read_table(path, key)[0]}


def _no_column(name: str, headers: dict[str, dict[str, str]]) -> InputError:
    there = {fact: fact for fact in FACTS}
    there |= {lower: column for columns in headers.values() for lower, column in columns.items()}
    similar = difflib.get_close_matches(name.lower(), there, 3) or [lower for lower in there if name.lower() in lower]
    close = [there[lower] for lower in similar[:3]]
    listed = "; ".join(f"cohort {cohort}: {', '.join(columns.values())}" for cohort, columns in headers.items())
    return InputError(
        f"probe.targets: {name}",
        f"no such column in any participants table ({listed or 'all cohorts are synthetic'})",
        f"one of {', '.join(FACTS)}, or a column of at least one cohort's participants table",
        f"write {' or '.join(close)}" if close else "correct the name, or add the column to the table",
    )


def kind_of(name: str, values: pd.DataFrame, most_classes: int) -> Kind:
    """What a target is, by its known values: numbers of many values by regression, all else as classes.

    Parameters
    ----------
    values : columns cohort, subject and value, as text; a row per subject or per visit.
    most_classes : numbers with more different values aren't classes.

    Raises
    ------
    InputError
        If there is no value, only one, or nearly as many as subjects though they aren't numbers.
    """
    if name == SEX:
        return Kind(SEXES)
    distinct, subjects = sorted(set(values["value"])), len(values[["cohort", "subject"]].drop_duplicates())
    numbers = [value for value in distinct if number(value) == number(value)]
    if len(distinct) < 2:
        only = f"the value {distinct[0]!r} alone, of {subjects} subjects" if distinct else "no value that is known"
        raise _refused(name, only, "at least two values", f"take {name!r} off probe.targets, or correct the table")
    many = len(distinct) > max(2, subjects // 2)
    if len(numbers) == len(distinct):
        number_values = {number(value) for value in distinct}
        if len(number_values) < 2:
            raise _refused(name, f"the value {distinct[0]!r} alone", "at least two values", "correct the table")
        whole = len(number_values) <= most_classes and not many
        return Kind(tuple(sorted(distinct, key=number)) if whole else ())
    others = [repr(value[:40]) for value in distinct if value not in numbers]
    if many or (len(numbers) > most_classes and len(numbers) >= MOSTLY * len(distinct)):
        count = f"{len(distinct)} different values of {subjects} subjects, not all of them numbers"
        mixed = len(numbers) >= MOSTLY * len(distinct)
        raise _refused(
            name,
            f"{count}: {', '.join(others[:3])}{', ...' if len(others) > 3 else ''}",
            "numbers alone, or classes with at least two subjects each on average",
            f"name codes of missing values in the cohort's `missing: {{{name}: [...]}}`, or correct the table"
            if mixed
            else f"this looks like free text: take {name!r} off probe.targets, or name a column of classes",
        )
    return Kind(tuple(distinct))


def _refused(name: str, found: str, expected: str, remedy: str) -> InputError:
    return InputError(f"probe.targets: {name}", found, expected, remedy)


def values_of(name: str, sessions: pd.DataFrame) -> pd.DataFrame:
    """Sessions of which a target is known: columns `TARGET_VALUES`.

    Parameters
    ----------
    sessions : rows of `sessions.tsv`, cells as text.
    """
    column = name if name in FACTS else TARGET + name
    if column not in sessions:
        return pd.DataFrame(columns=TARGET_VALUES)
    table = sessions.assign(target=name, value=sessions[column].fillna("").map(known))
    return table.loc[table["value"] != "", TARGET_VALUES]


def write_target(name: str, most_classes: int, sessions: list[Path], facts_tsv: Path, values_tsv: Path) -> None:
    """Write what a target is in all cohorts together (`TARGETS`), and its value in each session (`TARGET_VALUES`).

    Numbers are written with a decimal point.

    Raises
    ------
    InputError
        As `kind_of`, for the sessions that are in.
    """
    values = values_of(name, pd.concat([read_tsv(path) for path in sessions]))
    kind = kind_of(name, values, most_classes)
    if not kind.classes:
        values = values.assign(value=values["value"].map(lambda text: repr(number(text))))
    people = values[["cohort", "subject"]].drop_duplicates()
    classes = json.dumps(kind.classes, ensure_ascii=False)
    facts = [name, kind.name, classes, len(values), len(people), values["value"].nunique()]
    write_tsv(pd.DataFrame([facts], columns=TARGETS), facts_tsv)
    write_tsv(values, values_tsv)


def target_lines(kept: pd.DataFrame, targets: tuple[str, ...]) -> list[str]:
    """What the sessions of a cohort have of columns that only probes read, a line each."""
    lines = []
    for name in targets:
        values = values_of(name, kept)["value"]
        numbers = [parsed for parsed in map(number, values) if parsed == parsed]
        spread = f", {min(numbers):g} to {max(numbers):g}" if numbers and len(numbers) == len(values) else ""
        differ = f"{values.nunique()} different values{spread}"
        lines.append(f"  target    {name}: known of {len(values)} of {len(kept)} sessions, {differ}")
    return lines

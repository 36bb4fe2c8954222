"""What a cohort holds, in words: the index and the account of its folder, before anything is run."""

import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd

from neuroquant.cohorts.census import Census, take_census
from neuroquant.cohorts.choice import choose
from neuroquant.cohorts.index import candidates
from neuroquant.cohorts.outlook import TO_COME, faults, hint, index_of
from neuroquant.cohorts.proof import SPLITS
from neuroquant.cohorts.source import Source
from neuroquant.cohorts.split import split_subjects
from neuroquant.cohorts.targets import target_lines
from neuroquant.config.volume import Split
from neuroquant.errors import InputError, kind_of
from neuroquant.scans.headers import read_grid

SHOWN = 6
"""Shapes and voxel sizes that are listed; the rest is counted."""


def summary(source: Source, split: Split, every: bool = False) -> tuple[str, list[InputError]]:
    """What a cohort holds, and what keeps an experiment from being made of it.

    The text has counts by reason, what wasn't looked at, sex, visits, age, shape and voxel size, and how the split
    would fall.

    Parameters
    ----------
    every : list each excluded session, and each file and folder that wasn't looked at.

    Raises
    ------
    InputError
        If the cohort's folder or its participants table can't be used.
    """
    cohort, root = source.cohort, source.root
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        indexed = index_of(source, folder)
        census = take_census(source, folder / "inventory.tsv", folder)
        several = with_several(source, folder / "inventory.tsv")
    kept, dropped = indexed.kept, indexed.dropped
    lines = [f"{cohort.shown} ({source.layout.name}, {root})", *sessions_lines(kept, dropped, every)]
    lines += [f"       {remark}" for remark in [hint(indexed)] if remark]
    lines += files_lines(census, every)
    if len(kept):
        lines += people_lines(kept) + target_lines(kept, source.targets) + images_lines(kept, source) + several
    wrong = faults(indexed, cohort.name, split)
    lines += would_split(kept, split, cohort.name) if not wrong else refused(wrong)
    return "\n".join([*lines, f"  checks    {TO_COME}", ""]), wrong


def sessions_lines(kept: pd.DataFrame, dropped: pd.DataFrame, every: bool) -> list[str]:
    """How many sessions and subjects there are, in and out, and why they are out."""
    subjects, people = set(kept.subject) | set(dropped.subject), kept.subject.nunique()
    lines = [f"  found     {len(kept) + len(dropped)} sessions of {len(subjects)} subjects"]
    lines.append(f"  in   {len(kept)} sessions of {people} subjects")
    gone = f", all there are of {len(subjects) - people} subjects" if len(subjects) > people else ""
    lines.append(f"  out  {len(dropped)} sessions{gone}")
    for reason, count in reasons(dropped).most_common():
        one = next(row for row in dropped.itertuples() if kind_of(row.reason) == reason)
        lines.append(f"       {count:6d}  {reason}, e.g. {f'{one.subject} {one.session}'.strip()}")
    if every:
        where = (dropped.subject + " " + dropped.session).str.strip()
        return lines + [
            f"       {who}: {row.reason} ({row.file})" for who, row in zip(where, dropped.itertuples(), strict=True)
        ]
    return lines + (["               (--excluded lists each with its file and what to do)"] if len(dropped) else [])


def files_lines(census: Census, every: bool) -> list[str]:
    """What became of every file that looks like a scan, in counts that add up, and of what else wasn't looked at."""
    files, rows = census.unseen[census.unseen.files > 0], census.unseen[census.unseen.files == 0]
    total = f"{census.total} below the root look like scans: {census.used} used"
    lines = [f"  files     {total}, {census.excluded} of sessions that are out, {files.files.sum()} not looked at"]
    if census.outside:
        lines.append(f"            and {census.outside} outside of the root, all used")
    for some, counted in ((files, files.groupby(files.reason.map(kind_of)).files.sum()), (rows, kinds(rows))):
        for reason, count in counted.sort_values(ascending=False).items():
            one = some[some.reason.map(kind_of) == reason].iloc[0]
            lines.append(f"       {count:6d}  {reason}, e.g. {one.path}: {one.reason.rpartition(': ')[2]}")
    if every:
        lines += [
            f"       {row.path}{f' ({row.files} files)' if row.files > 1 else ''}: {row.reason}"
            for row in census.unseen.itertuples()
        ]
    return lines


def kinds(rows: pd.DataFrame) -> pd.Series:
    """How many rows have each reason, less what differs from one to the next."""
    return rows.reason.map(kind_of).value_counts()


def reasons(dropped: pd.DataFrame) -> Counter:
    """How many sessions were left out for each reason, less what differs from one to the next."""
    return Counter(dropped.reason.map(kind_of))


def people_lines(kept: pd.DataFrame) -> list[str]:
    """Sex, visits, families, age, site and scanner of the sessions that are in."""
    people = kept.drop_duplicates("subject")
    sexes, visits = people.sex.value_counts(), kept.subject.value_counts()
    lines = [f"  sex       {', '.join(f'{count} {sex}' for sex, count in sexes.sort_index().items())}"]
    lines.append(f"  visits    {visits.min()} to {visits.max()} a subject, {visits.mean():.2f} on average")
    families = people.family[people.family != ""]
    lines.append(f"  families  {families.nunique()} named, for {len(families)} of {len(people)} subjects")
    ages = kept.age.dropna()
    if len(ages):
        lines.append(f"  age       {ages.min():.1f} to {ages.max():.1f} years, median {ages.median():.1f}")
    else:
        lines.append("  age       not known")
    return lines + [
        f"  {name}s".ljust(12) + ", ".join(f"{count} {value or 'not known'}" for value, count in counts.items())
        for name in ("site", "scanner")
        if (kept[name] != "").any()
        for counts in [kept[name].value_counts().head(SHOWN)]
    ]


def images_lines(kept: pd.DataFrame, source: Source) -> list[str]:
    """Modalities, masks, shapes and voxel sizes of the sessions that are in; a session's are its reference scan's."""
    there = kept[list(source.modalities)] != ""
    counts = Counter(" and ".join(there.columns[row]) for row in there.to_numpy())
    lines = [f"  scans     {', '.join(f'{count} with {names}' for names, count in counts.most_common())}"]
    lines.append(f"  masks     {(kept['mask'] != '').sum()} given; label maps {(kept.labels != '').sum()}")
    references = [next(row[name] for name in source.order if row[name]) for row in kept.to_dict("records")]
    grids = [read_grid(source.root / path) for path in references]
    shapes = Counter(" x ".join(map(str, grid.shape)) for grid in grids)
    sides = Counter(" x ".join(f"{side:.3g}" for side in (grid.affine[:3, :3] ** 2).sum(0) ** 0.5) for grid in grids)
    return [*lines, *listed("shapes", shapes, "voxels"), *listed("voxels", sides, "mm")]


def with_several(source: Source, inventory_tsv: Path) -> list[str]:
    """How many sessions have several scans of a kind to choose from, how one is chosen, and what is passed over."""
    passed: dict[str, list[str]] = {modality: [] for modality in source.modalities}
    for files in candidates(source, inventory_tsv).values():
        chosen = choose({kind: list(paths) for kind, paths in files.items()}, source.order, source.cohort.entities)
        for modality in source.modalities:
            others = sorted(files.get(modality, {}).keys() - set(chosen.get(modality, ())[:1]))
            if modality in chosen and others:
                passed[modality].append(", ".join(path.rpartition("/")[2] for path in others))
    how = "the plainest, then the first by name is taken"
    how += "; `entities` chooses" if source.layout.entities else ""
    return [
        f"  several   {len(names)} sessions with more than one {name} scan: {how}; passed over: "
        + "; ".join(names[:SHOWN])
        + (f" and those of {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        for name, names in passed.items()
        if names
    ]


def listed(name: str, counts: Counter, unit: str) -> list[str]:
    """The most frequent values, one a line."""
    lines = [
        f"  {'' if n else name:<8}  {value} {unit}: {count}"
        for n, (value, count) in enumerate(counts.most_common(SHOWN))
    ]
    left = len(counts) - SHOWN
    return lines + ([f"  {'':<8}  and {left} others"] if left > 0 else [])


def would_split(kept: pd.DataFrame, split: Split, cohort: str) -> list[str]:
    """How the split would fall."""
    counts = split_subjects(kept, split, cohort).split.value_counts()
    return [f"  split     {', '.join(f'{counts.get(name, 0)} {name}' for name in SPLITS)} (subjects)"]


def refused(wrong: list[InputError]) -> list[str]:
    """That no experiment can be made of the cohort, and why."""
    lines = [f"            {line}" for error in wrong for line in str(error).splitlines()]
    return ["  split     can't be made as configured:", *lines]

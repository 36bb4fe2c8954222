"""What a cohort holds, in words: the index alone, before anything is run."""

import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd

from neuroquant.cohorts.index import NAMES, candidates, index_cohort
from neuroquant.cohorts.inventory import check_root, refresh_inventory
from neuroquant.cohorts.layouts import choose
from neuroquant.cohorts.proof import SPLITS
from neuroquant.cohorts.split import split_subjects
from neuroquant.config.cohort import Cohort
from neuroquant.config.volume import Split, Volume
from neuroquant.errors import InputError, kind_of
from neuroquant.files import read_tsv
from neuroquant.scans.headers import read_grid

SHOWN = 6
"""Shapes and voxel sizes that are listed; the rest is counted."""


def summary(cohort: Cohort, volume: Volume, split: Split, every: bool = False) -> str:
    """Counts by reason, sex, visits, age, shape and voxel size, and how the split would fall.

    Parameters
    ----------
    every : list each excluded session, with its file.

    Raises
    ------
    InputError
        If the cohort's folder or its participants table can't be used.
    """
    check_root(cohort)
    root = Path(cohort.root)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.tsv" for name in ("inventory", "sessions", "excluded")]
        refresh_inventory(cohort, root, paths[0])
        index_cohort(cohort, root, *paths, volume.registration != "off")
        kept, dropped = read_tsv(paths[1], ("age",)), read_tsv(paths[2])
        several = with_several(cohort, paths[0])
    lines = [f"{cohort.shown} ({cohort.layout}, {root})"]
    lines.append(f"  in   {len(kept)} sessions of {kept.subject.nunique()} subjects")
    lines.append(f"  out  {len(dropped)} sessions")
    for reason, count in reasons(dropped).most_common():
        one = next(row for row in dropped.itertuples() if kind_of(row.reason) == reason)
        lines.append(f"       {count:6d}  {reason}, e.g. {f'{one.subject} {one.session}'.strip()}")
    if len(dropped) and not every:
        lines.append("               (--excluded lists each with its file and what to do)")
    if every:
        where = (dropped.subject + " " + dropped.session).str.strip()
        lines += [
            f"       {who}: {row.reason} ({row.file})" for who, row in zip(where, dropped.itertuples(), strict=True)
        ]
    if len(kept):
        lines += described(kept, root) + several
        lines += would_split(kept, split, cohort.name)
    return "\n".join([*lines, ""])


def reasons(dropped: pd.DataFrame) -> Counter:
    """How many sessions were left out for each reason, less what differs from one to the next."""
    return Counter(dropped.reason.map(kind_of))


def described(kept: pd.DataFrame, root: Path) -> list[str]:
    """Sex, visits, age, modalities, shapes and voxel sizes of the sessions that are in."""
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
    lines += [
        f"  {name}s".ljust(12) + ", ".join(f"{count} {value or 'not known'}" for value, count in found.items())
        for name in ("site", "scanner")
        if (kept[name] != "").any()
        for found in [kept[name].value_counts().head(SHOWN)]
    ]
    both = ((kept.t1w != "") & (kept.t2w != "")).sum()
    lines.append(f"  scans     {both} pairs, {(kept.t2w == '').sum()} T1w only, {(kept.t1w == '').sum()} T2w only")
    lines.append(f"  masks     {(kept['mask'] != '').sum()} given; label maps {(kept.labels != '').sum()}")
    grids = [read_grid(root / path) for path in kept.t1w.where(kept.t1w != "", kept.t2w)]
    shapes = Counter(" x ".join(map(str, grid.shape)) for grid in grids)
    sides = Counter(" x ".join(f"{side:.3g}" for side in (grid.affine[:3, :3] ** 2).sum(0) ** 0.5) for grid in grids)
    return [*lines, *listed("shapes", shapes, "voxels"), *listed("voxels", sides, "mm")]


def with_several(cohort: Cohort, inventory_tsv: Path) -> list[str]:
    """How many sessions have several scans of a kind to choose from, and how the choice is made."""
    counts: Counter = Counter()
    for files in candidates(cohort, inventory_tsv).values():
        chosen = choose({kind: list(paths) for kind, paths in files.items()}, cohort.entities)
        counts.update(NAMES[kind] for kind in NAMES if len(chosen.get(kind, ())) > 1)
    how = "the first by name is taken" + ("; `entities` chooses" if cohort.layout in ("bids", "abcd") else "")
    return [f"  several   {count} sessions with more than one {name} scan: {how}" for name, count in counts.items()]


def listed(name: str, counts: Counter, unit: str) -> list[str]:
    """The most frequent values, one a line."""
    lines = [
        f"  {'' if n else name:<8}  {value} {unit}: {count}"
        for n, (value, count) in enumerate(counts.most_common(SHOWN))
    ]
    left = len(counts) - SHOWN
    return lines + ([f"  {'':<8}  and {left} others"] if left > 0 else [])


def would_split(kept: pd.DataFrame, split: Split, cohort: str) -> list[str]:
    """How the split would fall, or why it can't be made."""
    try:
        people = split_subjects(kept, split, cohort)
    except InputError as error:
        return [
            "  split     can't be made as configured:",
            *(f"            {line}" for line in str(error).splitlines()),
        ]
    counts = people.split.value_counts()
    return [f"  split     {', '.join(f'{counts.get(name, 0)} {name}' for name in SPLITS)} (subjects)"]

"""Whether an experiment can be made of a cohort, as far as its headers tell: somebody is in, and the split works."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.cohorts.index import find_sessions, index_cohort
from neuroquant.cohorts.inventory import check_root, refresh_inventory
from neuroquant.cohorts.source import Source
from neuroquant.cohorts.split import split_subjects
from neuroquant.config.volume import Split
from neuroquant.errors import InputError, kind_of
from neuroquant.files import read_tsv

TO_COME = (
    "Headers were read, voxels weren't. Preprocessing has yet to check the voxels of scans, masks and label maps, "
    "skull-stripping, the size of the brain and registration; and then that no image is in two splits."
)
"""What the index can't know."""


@dataclass(frozen=True)
class Indexed:
    """What the index makes of a cohort: sessions that are in, that are out, and those that lack a modality."""

    kept: pd.DataFrame
    dropped: pd.DataFrame
    some: Counter
    """Modalities in words -> sessions that are out and have these, but not all of the experiment's."""


def index_of(source: Source, folder: Path) -> Indexed:
    """Index a cohort into a folder: `inventory.tsv`, `sessions.tsv` and `excluded.tsv`.

    Raises
    ------
    InputError
        If the cohort's folder or its participants table can't be used.
    """
    check_root(source)
    paths = [folder / f"{name}.tsv" for name in ("inventory", "sessions", "excluded")]
    refresh_inventory(source, paths[0])
    index_cohort(source, *paths)
    kept, dropped = read_tsv(paths[1], ("age",)), read_tsv(paths[2])
    out = set(zip(dropped["subject"], dropped["session"], strict=True))
    sessions, every = find_sessions(source, paths[0]), set(source.modalities)
    scans = [files.keys() & every for key, files in sessions.items() if key in out]
    some = Counter(" and ".join(sorted(have, key=source.modalities.index)) for have in scans if have and have < every)
    return Indexed(kept, dropped, some if source.cohort.require == "all" else Counter())


def faults(indexed: Indexed, cohort: str, split: Split) -> list[InputError]:
    """Why no experiment can be made of a cohort: nobody is in, or the split can't be made."""
    if indexed.kept.empty:
        counts = Counter(indexed.dropped["reason"].map(kind_of)).most_common(3)
        reasons = "; ".join(f"{reason} ({count})" for reason, count in counts)
        remedy = hint(indexed) or "read the reasons: neuroquant validate CONFIG --excluded"
        return [InputError(f"cohort {cohort}", f"no usable session: {reasons}", "at least one", remedy)]
    try:
        split_subjects(indexed.kept, split, cohort)
    except InputError as error:
        return [error]
    return []


def hint(indexed: Indexed) -> str:
    """That sessions that lack a modality can be used, where there are some; else empty."""
    some = ", ".join(f"{count} with {names} only" for names, count in sorted(indexed.some.items()))
    return f"sessions that are out: {some}; `require: any` in the cohort's file keeps them" if some else ""


def outlook(source: Source, split: Split) -> tuple[list[str], list[InputError]]:
    """Lines on a cohort for a plan, and what keeps an experiment from being made of it."""
    with tempfile.TemporaryDirectory() as folder:
        indexed = index_of(source, Path(folder))
    people = indexed.kept["subject"].nunique()
    name, out = source.cohort.shown, len(indexed.dropped)
    lines = [f"  {name}: {len(indexed.kept)} sessions of {people} subjects in, {out} out"]
    lines += [f"    {remark}" for remark in [hint(indexed)] if remark]
    return lines, faults(indexed, source.cohort.name, split)

"""Whether an experiment can be made of a cohort, as far as its headers tell: somebody is in, and the split works."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.cohorts.index import NAMES, find_sessions, index_cohort
from neuroquant.cohorts.inventory import check_root, refresh_inventory
from neuroquant.cohorts.split import split_subjects
from neuroquant.config.cohort import Cohort
from neuroquant.config.volume import Split, Volume
from neuroquant.errors import InputError, kind_of
from neuroquant.files import read_tsv

TO_COME = (
    "Headers were read, voxels weren't. Preprocessing has yet to check the voxels of scans, masks and label maps, "
    "skull-stripping, the size of the brain and registration; and then that no image is in two splits."
)
"""What the index can't know."""


@dataclass(frozen=True)
class Indexed:
    """What the index makes of a cohort: sessions that are in, that are out, and those of one modality alone."""

    kept: pd.DataFrame
    dropped: pd.DataFrame
    alone: Counter
    """Modality -> sessions that are out and have no other."""


def index_of(cohort: Cohort, volume: Volume, folder: Path) -> Indexed:
    """Index a cohort into a folder: `inventory.tsv`, `sessions.tsv` and `excluded.tsv`.

    Raises
    ------
    InputError
        If the cohort's folder or its participants table can't be used.
    """
    check_root(cohort)
    paths = [folder / f"{name}.tsv" for name in ("inventory", "sessions", "excluded")]
    refresh_inventory(cohort, Path(cohort.root), paths[0])
    index_cohort(cohort, Path(cohort.root), *paths, volume.registration != "off")
    kept, dropped = read_tsv(paths[1], ("age",)), read_tsv(paths[2])
    out = set(zip(dropped["subject"], dropped["session"], strict=True))
    scans = [files.keys() & NAMES.keys() for key, files in find_sessions(cohort, paths[0]).items() if key in out]
    alone = Counter(NAMES[kind] for kinds in scans if len(kinds) == 1 for kind in kinds)
    return Indexed(kept, dropped, alone if cohort.modalities == "paired" else Counter())


def faults(found: Indexed, cohort: Cohort, split: Split) -> list[InputError]:
    """Why no experiment can be made of a cohort: nobody is in, or the split can't be made."""
    if found.kept.empty:
        counts = Counter(found.dropped["reason"].map(kind_of)).most_common(3)
        told = "; ".join(f"{reason} ({count})" for reason, count in counts)
        remedy = hint(found) or "read the reasons: neuroquant validate CONFIG --excluded"
        return [InputError(f"cohort {cohort.name}", f"no usable session: {told}", "at least one", remedy)]
    try:
        split_subjects(found.kept, split, cohort.name)
    except InputError as error:
        return [error]
    return []


def hint(found: Indexed) -> str:
    """That sessions of one modality can be used, where there are some; else empty."""
    alone = " and ".join(f"{count} with a {name} scan alone" for name, count in sorted(found.alone.items()))
    return f"sessions that are out: {alone}; `modalities: any` in the cohort's file keeps them" if alone else ""


def outlook(cohort: Cohort, volume: Volume, split: Split) -> tuple[list[str], list[InputError]]:
    """Lines on a cohort for a plan, and what keeps an experiment from being made of it."""
    with tempfile.TemporaryDirectory() as folder:
        found = index_of(cohort, volume, Path(folder))
    people = found.kept["subject"].nunique()
    lines = [f"  {cohort.shown}: {len(found.kept)} sessions of {people} subjects in, {len(found.dropped)} out"]
    told = hint(found)
    return lines + ([f"    {told}"] if told else []), faults(found, cohort, split)

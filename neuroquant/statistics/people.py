"""Sessions and subjects of every cohort, counted: kept, excluded by reason, shared between splits."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.errors import kind_of
from neuroquant.files import read_tsv
from neuroquant.tables import EXCLUSIONS

SHARED = ("subjects_shared", "families_shared", "images_shared")
"""Columns of a proof of splits: what more than one split has."""


@dataclass(frozen=True, slots=True)
class CohortTables:
    """Tables of each cohort, in the experiment's order, and what cohorts have in common.

    Attributes
    ----------
    sessions, excluded, proofs, unseen : list of Path
        sessions.tsv, excluded.tsv, split_proof.tsv and not_looked_at.tsv of each cohort.
    apart : Path
        cohorts_apart.tsv: images that two cohorts have in common.
    """

    sessions: list[Path]
    excluded: list[Path]
    proofs: list[Path]
    unseen: list[Path]
    apart: Path


@dataclass(frozen=True, slots=True)
class Kept:
    """How many sessions and subjects of a cohort were kept, and how many sessions were excluded."""

    sessions: int
    subjects: int
    female: int
    male: int
    excluded: int


def exclusions(experiment: Experiment, cohorts: CohortTables) -> pd.DataFrame:
    """Sessions and subjects that each reason cost each cohort (columns `EXCLUSIONS`), without their details."""
    parts = [pd.DataFrame(columns=EXCLUSIONS)]
    for cohort, path in zip(experiment.cohorts, cohorts.excluded, strict=True):
        excluded = read_tsv(path)
        if len(excluded):
            excluded["reason"] = excluded.reason.map(kind_of)
            counts = excluded.groupby("reason").agg(sessions=("session", "size"), subjects=("subject", "nunique"))
            counts = counts.sort_values("sessions", ascending=False, kind="stable").reset_index()
            parts.append(counts.assign(cohort=cohort.name)[EXCLUSIONS])
    return pd.concat(parts[1:], ignore_index=True) if len(parts) > 1 else parts[0]


def kept(sessions: Path, excluded: Path) -> Kept:
    """Counts of one cohort."""
    table = read_tsv(sessions)
    sexes = table.drop_duplicates("subject").sex.value_counts()
    counts = (len(table), table.subject.nunique(), int(sexes.get("F", 0)), int(sexes.get("M", 0)))
    return Kept(*counts, excluded=len(read_tsv(excluded)))


def not_looked_at(unseen: Path) -> pd.DataFrame:
    """What of a cohort's folder belongs to no session, counted by reason: columns reason, entries and files.

    An entry is a file, a folder or a row of the participants table; `files` are the scan-like files behind it.
    """
    table = read_tsv(unseen, ("files",))
    if not len(table):
        return pd.DataFrame(columns=["reason", "entries", "files"])
    table = table.assign(reason=table.reason.map(kind_of), files=table.files.clip(lower=0).astype(int))
    counts = table.groupby("reason").agg(entries=("path", "size"), files=("files", "sum"))
    return counts.sort_values("entries", ascending=False, kind="stable").reset_index()


def shared_between_splits(proof: Path) -> int:
    """How many subjects, families and images more than one split of a cohort has."""
    table = read_tsv(proof)
    return sum(int(table[name].astype(int).sum()) for name in SHARED)


def shared_between_cohorts(apart: Path) -> tuple[int, int] | None:
    """Images that two cohorts have in common, and those of them that lie in different splits; None with one cohort."""
    table = read_tsv(apart)
    return (table.images_shared.astype(int).sum(), table.splits_crossed.astype(int).sum()) if len(table) else None

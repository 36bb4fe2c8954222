"""The index: which sessions there are, and from their headers which can be used."""

from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.cohorts.headers import Unusable, read_grid
from neuroquant.cohorts.layouts import KINDS, layout_of, match, match_folder
from neuroquant.cohorts.paths import paths_of
from neuroquant.cohorts.phenotypes import Participant, participants_path, read_participants, session_facts
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv

KEY = ["cohort", "subject", "session"]
FACTS = ["age", "site", "scanner"]
"""What may differ from visit to visit; empty where unknown."""
SESSIONS = [*KEY, "family", "sex", *FACTS, *KINDS, *(f"{kind}_stamp" for kind in KINDS)]
EXCLUDED = [*KEY, "reason", "file"]
NAMES = {"t1w": "T1w", "t2w": "T2w"}
UNREADABLE = "folder"
"""Kind of an entry that is a folder which can't be read."""
Files = dict[str, tuple[str, str]]
"""Kind -> (path relative to the root, stamp "bytes-mtime_ns")."""


def index_cohort(
    cohort: Cohort,
    root: Path,
    inventory_tsv: Path,
    sessions_tsv: Path,
    excluded_tsv: Path,
    registration: bool = False,
) -> None:
    """Write `sessions.tsv` and `excluded.tsv`; every session of the inventory is in exactly one of them.

    Where a session has several scans of a kind (runs, reconstructions), the first by name is taken.

    Parameters
    ----------
    registration : whether preprocessing brings scans on different grids together.

    Raises
    ------
    InputError
        If the participants table can't be used or the folder holds no session.
    """
    people = read_participants(cohort, root)
    table = participants_path(cohort, root).name
    kept: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for (subject, session), files in sorted(find_sessions(cohort, inventory_tsv).items()):
        key = {"cohort": cohort.name, "subject": subject, "session": session}
        reason, file = find_fault(cohort, root, files, people.get(subject), table, registration)
        if reason:
            dropped.append({**key, "reason": reason, "file": file})
        else:
            kept.append({**key, **describe(root, subject, session, people[subject], files)})
    if not kept and not dropped:
        raise InputError(
            f"cohort {cohort.name}: root",
            f"no T1w or T2w scan below {root}",
            f"scans named as the layout `{cohort.layout}` has them",
            "compare the names with docs/cohorts.md, or correct `layout`",
        )
    write_tsv(pd.DataFrame(kept, columns=SESSIONS), sessions_tsv)
    write_tsv(pd.DataFrame(dropped, columns=EXCLUDED), excluded_tsv)


def find_sessions(cohort: Cohort, inventory_tsv: Path) -> dict[tuple[str, str], Files]:
    """(subject, session) -> its files, for sessions with a T1w or T2w scan, or a folder that can't be read."""
    layout, listed = layout_of(cohort), paths_of(cohort) if cohort.layout == "table" else {}
    found: dict[tuple[str, str], Files] = {}
    for row in read_tsv(inventory_tsv).sort_values("path").itertuples(index=False):
        hit = listed.get(row.path) if listed else match(layout, row.path)
        if hit is None and row.bytes == "-1" and layout.subject and (folder := match_folder(layout, row.path)):
            hit = (UNREADABLE, *folder)
        if hit:
            kind, subject, session = hit
            found.setdefault((subject, session), {}).setdefault(kind, (row.path, f"{row.bytes}-{row.mtime_ns}"))
    return {key: files for key, files in found.items() if files.keys() & {"t1w", "t2w", UNREADABLE}}


def find_fault(
    cohort: Cohort, root: Path, files: Files, person: Participant | None, table: str, registration: bool
) -> tuple[str, str]:
    """(reason in words, file at fault) of a session that can't be used; two empty strings for one that can."""
    if UNREADABLE in files:
        return "the folder can't be read", files[UNREADABLE][0]
    for kind, name in NAMES.items():
        if kind not in files and cohort.modalities == "paired":
            return f"no {name} scan", next(iter(files.values()))[0]
    if person is None:
        return f"not in {table}", table
    if not person.sex:
        return f"sex is missing in {table}", table
    if person.sex not in ("F", "M"):
        return f"sex is {person.sex!r} in {table}; F, M, female or male is expected, codes aren't guessed", table
    return find_header_fault(root, files, registration)


def find_header_fault(root: Path, files: Files, registration: bool) -> tuple[str, str]:
    """As `find_fault`, for what the headers of a session's files say alone and together."""
    grids = {}
    for kind in KINDS:
        if kind in files:
            try:
                grids[kind] = read_grid(root / files[kind][0])
            except Unusable as error:
                return str(error), files[kind][0]
    pair = "raw pair on different grids" if "mask" not in files else "pair on different grids"
    reference = "t1w" if "t1w" in grids else "t2w"
    for kind, grid in grids.items():
        if grid.same_as(grids[reference]) or (kind == "t2w" and registration):
            continue
        what = pair if kind == "t2w" else f"{kind} on another grid than {NAMES[reference]}"
        shapes = f"{grid.shape} against {grids[reference].shape} voxels"
        if grid.shape == grids[reference].shape:
            shapes = "equal shapes, other affines"
        remedy = "set volume.registration: grids" if kind == "t2w" else f"resample it to {NAMES[reference]}"
        return f"{what} ({shapes}): {remedy}", files[kind][0]
    return "", ""


def describe(root: Path, subject: str, session: str, person: Participant, files: Files) -> dict[str, Any]:
    """What `sessions.tsv` says of a session beside its key; what is known of the visit goes before the subject."""
    facts = session_facts(root / subject / f"{subject}_sessions.tsv").get(session, {})
    row: dict[str, Any] = {"family": person.family, "sex": person.sex}
    row |= {name: facts.get(name, getattr(person, name)) for name in FACTS}
    row |= {kind: files.get(kind, ("", ""))[0] for kind in KINDS}
    return row | {f"{kind}_stamp": files.get(kind, ("", ""))[1] for kind in KINDS}

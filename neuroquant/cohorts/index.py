"""The index: which sessions there are, and from their headers which can be used."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.cohorts.layouts import KINDS, STRAY, Layout, choose, layout_of, match, match_folder, site_in
from neuroquant.cohorts.paths import paths_of
from neuroquant.cohorts.phenotypes import OF_VISITS, Participant, participants_paths, read_participants, session_facts
from neuroquant.cohorts.shared_masks import own_mask, share_masks
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv
from neuroquant.scans.headers import read_grid
from neuroquant.scans.unusable import Unusable

KEY = ["cohort", "subject", "session"]
SESSIONS = [*KEY, "family", "sex", *OF_VISITS, *KINDS, *(f"{kind}_stamp" for kind in KINDS)]
EXCLUDED = [*KEY, "reason", "file"]
NAMES = {"t1w": "T1w", "t2w": "T2w"}
UNREADABLE, MISNAMED, STRAYED = "folder", "misnamed", "stray"
"""Kinds of entries that are no scans: folders that can't be read, folders and scans that are named in another way."""
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

    Where a session has several scans of a kind (runs, reconstructions), the first by name of those that have the
    cohort's `entities` is taken.

    Parameters
    ----------
    registration : whether preprocessing brings scans on different grids together.

    Raises
    ------
    InputError
        If the participants table can't be used or the folder holds no session.
    """
    people = read_participants(cohort, root)
    table = " and ".join(path.name for path in participants_paths(cohort, root))
    kept: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for (subject, session), files in sorted(find_sessions(cohort, inventory_tsv).items()):
        key = {"cohort": cohort.name, "subject": subject, "session": session}
        files = own_mask(root, layout_of(cohort), session, files)
        reason, file = find_fault(cohort, root, files, people.get(subject), table, registration)
        if reason:
            dropped.append({**key, "reason": reason, "file": file})
        else:
            kept.append({**key, **describe(root, layout_of(cohort), subject, session, people[subject], files)})
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
    """(subject, session) -> its files, for sessions with a T1w or T2w scan, or what was meant as one."""
    found: dict[tuple[str, str], Files] = {}
    for key, files in candidates(cohort, inventory_tsv).items():
        chosen = choose({kind: list(paths) for kind, paths in files.items()}, cohort.entities)
        told = {kind: next(iter(files[kind])) for kind in (UNREADABLE, MISNAMED, STRAYED) if kind in files}
        told |= {kind: paths[0] for kind, paths in chosen.items()}
        if told.keys() - {"mask", "labels"} or files.keys() & {"t1w", "t2w"}:
            found[key] = {kind: (path, files[kind][path]) for kind, path in told.items()}
    return found


def candidates(cohort: Cohort, inventory_tsv: Path) -> dict[tuple[str, str], dict[str, dict[str, str]]]:
    """(subject, session) -> kind -> path -> stamp, of all files that say whose they are."""
    layout, listed = layout_of(cohort), paths_of(cohort) if cohort.layout == "table" else {}
    found: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for row in read_tsv(inventory_tsv).sort_values("path").itertuples(index=False):
        hit = listed.get(row.path) if listed else match(layout, row.path)
        if hit is None and layout.subject:
            hit = _no_scan(layout, row.path, row.bytes == "-1")
        if hit:
            kind, *key = hit
            found.setdefault(tuple(key), {}).setdefault(kind, {})[row.path] = f"{row.bytes}-{row.mtime_ns}"
    return found if listed else share_masks(found)


def _no_scan(layout: Layout, path: str, unread: bool) -> tuple[str, str, str] | None:
    """(kind, subject, session) of a folder that can't be used, or of a file that was meant as a scan."""
    if re.fullmatch(STRAY, path):
        folder = match_folder(layout, path.rpartition("/")[0])
        return (STRAYED, *folder) if folder else None
    if not unread:
        return None
    folder = match_folder(layout, path)
    if folder:
        return (UNREADABLE, *folder)
    return (MISNAMED, path, "") if "/" not in path and not path.endswith((".tsv", ".json", ".csv")) else None


def find_fault(
    cohort: Cohort, root: Path, files: Files, person: Participant | None, table: str, registration: bool
) -> tuple[str, str]:
    """(reason in words, file at fault) of a session that can't be used; two empty strings for one that can."""
    if UNREADABLE in files:
        return "the folder can't be read: give yourself the right to (chmod u+rx)", files[UNREADABLE][0]
    if MISNAMED in files:
        return f"its folder isn't named as the layout {cohort.layout} has it: rename it", files[MISNAMED][0]
    for kind, name in NAMES.items():
        if kind not in files and (cohort.modalities == "paired" or not files.keys() & NAMES.keys()):
            return _missing(name, cohort, files), next(iter(files.values()), ("",))[0]
    if person is None:
        return f"not in {table}: add a row, or check how the table writes its name", table
    if person.conflict:
        return f"rows of {table} contradict each other about its {person.conflict}: correct them", table
    if not person.sex:
        return f"sex is missing in {table}: add it", table
    if person.sex not in ("F", "M"):
        what = "F, M, female or male is expected; codes aren't guessed, say in `sex_codes` what they stand for"
        return f"sex is {person.sex!r} in {table}: {what}", table
    return find_header_fault(root, files, registration)


def _missing(name: str, cohort: Cohort, files: Files) -> str:
    """That a session lacks a scan, and what else there is."""
    if STRAYED in files:
        stray = files[STRAYED][0].rpartition("/")[2]
        return f"no {name} scan; {stray} isn't named as the layout {cohort.layout} has it: rename it"
    wanted = ", ".join(f"{key}-{value}" if value else f"no {key}" for key, value in cohort.entities.items())
    return f"no {name} scan" + (f" ({wanted})" if wanted else "")


def find_header_fault(root: Path, files: Files, registration: bool) -> tuple[str, str]:
    """As `find_fault`, for what the headers of a session's files say alone and together."""
    grids = {}
    for kind in KINDS:
        if kind in files:
            try:
                grids[kind] = read_grid(root / files[kind][0]).turned()
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


def describe(
    root: Path, layout: Layout, subject: str, session: str, person: Participant, files: Files
) -> dict[str, Any]:
    """What `sessions.tsv` says of a session beside its key; what is known of the visit goes before the subject."""
    facts = person.at(session) | session_facts(root / subject / f"{subject}_sessions.tsv").get(session, {})
    row: dict[str, Any] = {"family": person.family, "sex": person.sex, **facts}
    row["site"] = row["site"] or next((site for path, _ in files.values() if (site := site_in(layout, path))), "")
    row |= {kind: files.get(kind, ("", ""))[0] for kind in KINDS}
    return row | {f"{kind}_stamp": files.get(kind, ("", ""))[1] for kind in KINDS}

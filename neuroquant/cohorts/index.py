"""The index: which sessions there are, and from their headers which can be used."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.cohorts.identifiers import by_folder, plain
from neuroquant.cohorts.layouts import KINDS, NII, NOT_WANTED, UNWRITABLE, choose, layout_of, owner, site_in, unfit
from neuroquant.cohorts.paths import paths_of
from neuroquant.cohorts.phenotypes import OF_VISITS, Participant, participants_paths, read_participants, session_facts
from neuroquant.cohorts.shared_masks import own_mask, share_masks
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import printable, read_tsv, write_tsv
from neuroquant.scans.headers import read_grid
from neuroquant.scans.unusable import Unusable

KEY = ["cohort", "subject", "session"]
SESSIONS = [*KEY, "family", "sex", *OF_VISITS, *KINDS, *(f"{kind}_stamp" for kind in KINDS)]
EXCLUDED = [*KEY, "reason", "file"]
NAMES = {"t1w": "T1w", "t2w": "T2w"}
NO_SCANS = ("folder", "misnamed", "bare", "stray")
"""Kinds of entries that are no scans of a session, though they say whose they are (`layouts.owner`)."""
NOT_USED = {
    "folder": "the folder can't be read: give yourself the right to (chmod u+rx)",
    "misnamed": "its folder isn't named as the layout {layout} has it: rename it",
    "unwritable": "its name has a character that no table can hold (tab, newline, a byte that isn't UTF-8): rename it",
}
"""Kind of entry -> the reason, whatever else the session has."""
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
    table = " and ".join(path.name for path in participants_paths(cohort, root))
    found = find_sessions(cohort, inventory_tsv)
    people = by_folder(read_participants(cohort, root), {subject for subject, _ in found}, table)
    kept: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for (subject, session), files in sorted(found.items()):
        key = {"cohort": cohort.name, "subject": subject, "session": session}
        files = own_mask(root, layout_of(cohort), session, files)
        reason, file = find_fault(cohort, root, files, people[subject], table, registration)
        if reason:
            dropped.append({**key, "reason": reason, "file": file})
        else:
            kept.append({**key, **describe(cohort, root / subject, session, people[subject], files)})
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
        told = {kind: next(iter(files[kind])) for kind in NO_SCANS if kind in files}
        for kind in [kind for kind in KINDS if kind not in chosen]:
            if f"unwritable {kind}" in files:
                told["unwritable"] = next(iter(files[f"unwritable {kind}"]))
            if kind in NAMES and kind in files:
                told["unfit"] = next(iter(files[kind]))
        told |= {kind: paths[0] for kind, paths in chosen.items()}
        if told.keys() - {"mask", "labels"}:
            stamps = {path: stamp for paths in files.values() for path, stamp in paths.items()}
            found[key] = {kind: (path, stamps[path]) for kind, path in told.items()}
    return found


def candidates(cohort: Cohort, inventory_tsv: Path) -> dict[tuple[str, str], dict[str, dict[str, str]]]:
    """(subject, session) -> kind -> path -> stamp, of all files and folders that say whose they are."""
    paths = paths_of(cohort) if cohort.layout == "table" else {}
    layout, listed = layout_of(cohort), {printable(path): owned for path, owned in paths.items()}
    found: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for row in read_tsv(inventory_tsv).sort_values("path").itertuples(index=False):
        size = int(row.bytes)
        hit = listed.get(row.path) if listed else owner(layout, row.path, size)
        if hit:
            kind, *key = hit
            kind = f"unwritable {kind}" if listed and size == UNWRITABLE else kind
            found.setdefault(tuple(key), {}).setdefault(kind, {})[row.path] = f"{row.bytes}-{row.mtime_ns}"
    return found if listed else share_masks(found)


def find_fault(
    cohort: Cohort, root: Path, files: Files, person: Participant | str, table: str, registration: bool
) -> tuple[str, str]:
    """(reason in words, file at fault) of a session that can't be used; two empty strings for one that can.

    Parameters
    ----------
    person : the session's subject, or why nothing is known of them.
    """
    for kind, reason in NOT_USED.items():
        if kind in files:
            return reason.format(layout=cohort.layout), files[kind][0]
    for kind, name in NAMES.items():
        if kind not in files and (cohort.modalities == "paired" or not files.keys() & NAMES.keys()):
            return _missing(name, cohort, files), next(iter(files.values()), ("",))[0]
    if isinstance(person, str):
        return person, table
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
    if "stray" in files:
        stray = files["stray"][0].rpartition("/")[2]
        if not re.search(rf"(?i){NII}$", stray):
            return f"no {name} scan in a format that is read ({stray}): convert it to .nii.gz (mri_convert, dcm2niix)"
        return f"no {name} scan; {stray} isn't named as the layout {cohort.layout} has it: rename it"
    wanted = ", ".join(f"{key}-{value}" if value else f"no {key}" for key, value in cohort.entities.items())
    if "bare" in files:
        return "no T1w or T2w scan in its folder: `neuroquant validate` says what it holds"
    if "unfit" in files and (why := unfit(files["unfit"][0], cohort.entities)) != NOT_WANTED:
        other = files["unfit"][0].rpartition("/")[2]
        return f"no {name} scan; {other} {why}: name it in `entities` if it is to be used"
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


def describe(cohort: Cohort, folder: Path, session: str, person: Participant, files: Files) -> dict[str, Any]:
    """What `sessions.tsv` says of a session beside its key; what is known of the visit goes before the subject.

    Parameters
    ----------
    folder : the subject's, where a BIDS sessions table may lie.
    """
    visits = session_facts(folder / f"{folder.name}_sessions.tsv", cohort)
    row: dict[str, Any] = {"family": person.family, "sex": person.sex}
    row |= person.at(session) | visits.get(plain(session), {})
    sites = (site_in(layout_of(cohort), path) for path, _ in files.values())
    row["site"] = row["site"] or next(filter(None, sites), "")
    row |= {kind: files.get(kind, ("", ""))[0] for kind in KINDS}
    return row | {f"{kind}_stamp": files.get(kind, ("", ""))[1] for kind in KINDS}

"""The index: which sessions there are, and from their headers which can be used."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.cohorts.choice import NOT_WANTED, choose, unfit
from neuroquant.cohorts.identifiers import by_folder, plain
from neuroquant.cohorts.layouts.base import NII
from neuroquant.cohorts.phenotypes import Participant, read_participants, session_facts
from neuroquant.cohorts.shared_masks import own_mask, share_masks
from neuroquant.cohorts.source import Source
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv
from neuroquant.scans.headers import read_grid
from neuroquant.scans.unusable import Unusable
from neuroquant.tables import BESIDE_SCANS, EXCLUDED, STAMP, sessions_columns

NO_SCANS = ("folder", "misnamed", "bare", "stray")
"""Kinds of entries that are no scans of a session, though they say whose they are (`Layout.owner`)."""
NOT_USED = {
    "folder": "the folder can't be read: give yourself the right to (chmod u+rx)",
    "misnamed": "its folder isn't named as the layout {layout} has it: rename it",
    "unwritable": "its name has a character that no table can hold (tab, newline, a byte that isn't UTF-8): rename it",
}
"""Kind of entry -> the reason, whatever else the session has."""
Files = dict[str, tuple[str, str]]
"""Kind -> (path relative to the root, stamp "bytes-mtime_ns")."""


def index_cohort(source: Source, inventory_tsv: Path, sessions_tsv: Path, excluded_tsv: Path) -> None:
    """Write `sessions.tsv` and `excluded.tsv`; every session of the inventory is in exactly one of them.

    Where a session has several scans of a kind (runs, reconstructions), the first by name of those that have the
    cohort's `entities` is taken.

    Raises
    ------
    InputError
        If the participants table can't be used or the folder holds no session.
    """
    name, table = source.cohort.name, source.participants_names
    sessions = find_sessions(source, inventory_tsv)
    people = by_folder(read_participants(source), {subject for subject, _ in sessions}, table)
    kept: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for (subject, session), files in sorted(sessions.items()):
        key, person = {"cohort": name, "subject": subject, "session": session}, people[subject]
        files = own_mask(source, session, files)
        reason, file = find_fault(source, files, person)
        if reason:
            dropped.append({**key, "reason": reason, "file": file})
        else:
            kept.append({**key, **describe(source, subject, session, person, files)})
    if not kept and not dropped:
        raise InputError(
            f"cohort {name}: root",
            f"no {source.layout.any_scan} scan below {source.root}",
            f"scans named as the layout `{source.layout.name}` has them",
            "compare the names with docs/cohorts.md, or correct `layout`",
        )
    write_tsv(pd.DataFrame(kept, columns=sessions_columns(source.modalities, source.targets)), sessions_tsv)
    write_tsv(pd.DataFrame(dropped, columns=EXCLUDED), excluded_tsv)


def find_sessions(source: Source, inventory_tsv: Path) -> dict[tuple[str, str], Files]:
    """(subject, session) -> its files, for sessions with a scan of any modality, or what was meant as one."""
    sessions: dict[tuple[str, str], Files] = {}
    for key, files in candidates(source, inventory_tsv).items():
        chosen = choose({kind: list(paths) for kind, paths in files.items()}, source.order, source.cohort.entities)
        paths = {kind: next(iter(files[kind])) for kind in NO_SCANS if kind in files}
        for kind in [kind for kind in source.kinds if kind not in chosen]:
            if f"unwritable {kind}" in files:
                paths["unwritable"] = next(iter(files[f"unwritable {kind}"]))
            if kind in source.modalities and kind in files:
                paths["unfit"] = next(iter(files[kind]))
        paths |= {kind: best[0] for kind, best in chosen.items()}
        if paths.keys() - set(BESIDE_SCANS):
            stamps = {path: stamp for each in files.values() for path, stamp in each.items()}
            sessions[key] = {kind: (path, stamps[path]) for kind, path in paths.items()}
    return sessions


def candidates(source: Source, inventory_tsv: Path) -> dict[tuple[str, str], dict[str, dict[str, str]]]:
    """(subject, session) -> kind -> path -> stamp, of all files and folders that say whose they are."""
    sessions: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for row in read_tsv(inventory_tsv).sort_values("path").itertuples(index=False):
        if owner := source.layout.owner(row.path, int(row.bytes)):
            kind, *key = owner
            sessions.setdefault(tuple(key), {}).setdefault(kind, {})[row.path] = f"{row.bytes}-{row.mtime_ns}"
    return share_masks(sessions) if source.layout.shares_masks else sessions


def find_fault(source: Source, files: Files, person: Participant | str) -> tuple[str, str]:
    """(reason in words, file at fault) of a session that can't be used; two empty strings for one that can.

    Parameters
    ----------
    person : the session's subject, or why nothing is known of them.
    """
    if fault := _find_file_fault(source, files):
        return fault
    if reason := unknown(person, source.participants_names):
        return reason, source.participants_names
    return find_header_fault(source, files)


def find_scan_fault(source: Source, files: Files) -> tuple[str, str]:
    """As `find_fault`, of the files alone: nothing has to be known of the subject."""
    return _find_file_fault(source, files) or find_header_fault(source, files)


def _find_file_fault(source: Source, files: Files) -> tuple[str, str] | None:
    """As `find_fault`, for what can be said without opening a file; None where that is nothing."""
    for kind, reason in NOT_USED.items():
        if kind in files:
            return reason.format(layout=source.layout.name), files[kind][0]
    has_some = bool(files.keys() & set(source.modalities))
    for modality in source.modalities:
        if modality not in files and (source.cohort.require == "all" or not has_some):
            return _missing(modality, source, files), next(iter(files.values()), ("",))[0]
    return None


def unknown(person: Participant | str, table: str) -> str:
    """What must be known of a subject and isn't, in words; empty where all is. `table` names the tables."""
    if isinstance(person, str):
        return person
    if person.conflict:
        return f"rows of {table} contradict each other about its {person.conflict}: correct them"
    if not person.sex:
        return f"sex is missing in {table}: add it"
    if person.sex not in ("F", "M"):
        expected = "F, M, female or male is expected; codes aren't guessed, say in `sex_codes` what they stand for"
        return f"sex is {person.sex!r} in {table}: {expected}"
    return ""


def _missing(modality: str, source: Source, files: Files) -> str:
    """That a session lacks a scan, and what else there is."""
    layout, entities = source.layout, source.cohort.entities
    if "stray" in files:
        stray = files["stray"][0].rpartition("/")[2]
        if not re.search(rf"(?i){NII}$", stray):
            return (
                f"no {modality} scan in a format that is read ({stray}): convert it to .nii.gz (mri_convert, dcm2niix)"
            )
        return f"no {modality} scan; {stray} isn't named as the layout {layout.name} has it: rename it"
    wanted = ", ".join(f"{key}-{value}" if value else f"no {key}" for key, value in entities.items())
    if "bare" in files:
        return f"no {layout.any_scan} scan in its folder: `neuroquant validate` says what it holds"
    if "unfit" in files and (why := unfit(files["unfit"][0], entities)) != NOT_WANTED:
        other = files["unfit"][0].rpartition("/")[2]
        return f"no {modality} scan; {other} {why}: name it in `entities` if it is to be used"
    return f"no {modality} scan" + (f" ({wanted})" if wanted else "")


def find_header_fault(source: Source, files: Files) -> tuple[str, str]:
    """As `find_fault`, for what the headers of a session's files say alone and together."""
    grids = {}
    for kind in (*source.order, *BESIDE_SCANS):
        if kind in files:
            try:
                grids[kind] = read_grid(source.root / files[kind][0])
            except Unusable as error:
                return str(error), files[kind][0]
    reference = next(iter(grids))
    for kind, grid in grids.items():
        is_scan = kind in source.modalities
        if grid.same_as(grids[reference]) or (is_scan and source.registration):
            continue
        raw = "raw " if is_scan and "mask" not in files else ""
        own, theirs = grid.turned().shape, grids[reference].turned().shape
        shapes = f"{own} against {theirs} voxels"
        if own == theirs:
            shapes = "equal shapes, other affines"
        remedy = "set volume.registration: grids" if is_scan else f"resample it to {reference}"
        return f"{raw}{kind} on another grid than {reference} ({shapes}): {remedy}", files[kind][0]
    return "", ""


def describe(source: Source, subject: str, session: str, person: Participant, files: Files) -> dict[str, Any]:
    """What `sessions.tsv` says of a session beside its key; what is known of the visit goes before the subject."""
    visits = session_facts(source.root / subject / f"{subject}_sessions.tsv", source.cohort, source.targets)
    row: dict[str, Any] = {"family": person.family, "sex": person.sex}
    row |= person.at(session) | visits.get(plain(session), {})
    sites = (source.layout.site_in(path) for path, _ in files.values())
    row["site"] = row["site"] or next(filter(None, sites), "")
    row |= {kind: files.get(kind, ("", ""))[0] for kind in source.kinds}
    return row | {f"{kind}{STAMP}": files.get(kind, ("", ""))[1] for kind in source.kinds}

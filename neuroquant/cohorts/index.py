"""The index: which sessions there are, and from their headers which can be used."""

from pathlib import Path

import pandas as pd

from neuroquant.cohorts.headers import Unusable, read_grid
from neuroquant.cohorts.layouts import KINDS, LAYOUTS, match
from neuroquant.cohorts.phenotypes import Participant, participants_path, read_participants, session_ages
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv

KEY = ["cohort", "subject", "session"]
SESSIONS = [*KEY, "family", "sex", "age", *KINDS, *(f"{kind}_stamp" for kind in KINDS)]
EXCLUDED = [*KEY, "reason", "file"]


def index_cohort(cohort: Cohort, root: Path, inventory: Path, sessions: Path, excluded: Path) -> None:
    """Write `sessions.tsv` and `excluded.tsv`; every session of the inventory is in exactly one of them.

    Where a session has several scans of a kind (runs, reconstructions), the first by name is taken.

    Raises
    ------
    InputError
        If the participants table can't be used or the folder holds no session.
    """
    people = read_participants(cohort, root)
    kept, dropped = [], []
    for (subject, session), files in sorted(find_sessions(cohort, inventory).items()):
        key = {"cohort": cohort.name, "subject": subject, "session": session}
        reason, file = find_fault(root, files, people.get(subject), participants_path(cohort, root).name)
        if reason:
            dropped.append({**key, "reason": reason, "file": file})
            continue
        person = people[subject]
        ages = session_ages(root / subject / f"{subject}_sessions.tsv")
        row = {**key, "family": person.family, "sex": person.sex, "age": ages.get(session, person.age)}
        row |= {kind: files.get(kind, ("", ""))[0] for kind in KINDS}
        row |= {f"{kind}_stamp": files.get(kind, ("", ""))[1] for kind in KINDS}
        kept.append(row)
    if not kept and not dropped:
        raise InputError(
            f"cohort {cohort.name}",
            f"no T1w or T2w scan below {root}",
            f"the layout `{cohort.layout}`",
            "see docs/cohorts.md",
        )
    write_tsv(pd.DataFrame(kept, columns=SESSIONS), sessions)
    write_tsv(pd.DataFrame(dropped, columns=EXCLUDED), excluded)


def find_sessions(cohort: Cohort, inventory: Path) -> dict[tuple[str, str], dict[str, tuple[str, str]]]:
    """(subject, session) -> kind -> (relative path, stamp), for sessions with a T1w or T2w scan."""
    layout = LAYOUTS[cohort.layout]
    found: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    for row in read_tsv(inventory).itertuples(index=False):
        hit = match(layout, row.path)
        if hit:
            kind, subject, session = hit
            found.setdefault((subject, session), {}).setdefault(kind, (row.path, f"{row.bytes}-{row.mtime_ns}"))
    return {key: files for key, files in found.items() if "t1w" in files or "t2w" in files}


def find_fault(
    root: Path, files: dict[str, tuple[str, str]], person: Participant | None, table: str
) -> tuple[str, str]:
    """(reason in words, file at fault) of a session that can't be used; two empty strings for one that can."""
    for kind, name in (("t1w", "T1w"), ("t2w", "T2w")):
        if kind not in files:
            return f"no {name} scan", next(iter(files.values()))[0]
    if person is None:
        return f"not in {table}", table
    if person.sex not in ("F", "M"):
        return f"sex is {person.sex or 'missing'!r} in {table}; F, M, female or male is expected", table
    grids = {}
    for kind in KINDS:
        if kind in files:
            try:
                grids[kind] = read_grid(root / files[kind][0])
            except Unusable as error:
                return str(error), files[kind][0]
    for kind, grid in grids.items():
        if not grid.same_as(grids["t1w"]):
            return (
                f"{kind} lies on another grid than t1w ({grid.shape} against {grids['t1w'].shape}); "
                "registration and resampling are not done yet: supply both on one grid",
                files[kind][0],
            )
    return "", ""

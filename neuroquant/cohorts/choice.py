"""Which of a session's files are taken where there are several of a kind: by the BIDS entities of their names."""

import re
from collections.abc import Mapping

from neuroquant.tables import BESIDE_SCANS

GRID_ENTITIES = ("space", "res")
"""Entities that scans, masks and label maps of one grid share."""
PREFERRED_WITHOUT = ("ce", "rec", "acq")
"""A scan without one of these goes before one with it."""
OF_SCANS = (*PREFERRED_WITHOUT, "run", "echo", "part")
"""Entities of one scan among several of a session."""
ASIDE = {
    "part": (re.compile(r"(?i)phase|real|imag"), "is no magnitude image (part)"),
    "acq": (re.compile(r"(?i).*(?:locali[sz]er|scout|survey).*"), "is a localizer (acq)"),
}
"""Entity -> values of what is no structural scan, and why; taken only where the cohort's `entities` name it."""
NOT_WANTED = "doesn't have the cohort's `entities`"
OWN_SPACES = ("orig", "native", "individual", "scanner")
"""BIDS's names of the space that a scan was taken in, beside the scan's modality: as good as none."""
ENTITY = re.compile(r"([A-Za-z0-9]+)-([A-Za-z0-9+]+)(?=_)")


def entities_of(path: str, modalities: tuple[str, ...] = ()) -> dict[str, str]:
    """BIDS entities of a file's name, e.g. {"desc": "preproc"}, without a scan's own space (one of `modalities`)."""
    own = {*OWN_SPACES, *modalities}
    pairs = ENTITY.findall(path.rpartition("/")[2])
    return {name: value for name, value in pairs if not (name == "space" and value in own)}


def choose(files: Mapping[str, list[str]], order: tuple[str, ...], wanted: dict[str, str]) -> dict[str, list[str]]:
    """Kind -> a session's files that fit, best first; the first of them is taken.

    Parameters
    ----------
    files : kind -> paths.
    order : modalities; the first that the session has is the one whose grid counts.
    wanted : entity -> value that scans must have, or an empty string for none. Masks and label maps must lie on the
        grid of the scan that counts, by their `space` and `res`, and belong to no other run; other scans on that grid
        go before others. Among what is left `plainness` decides.
    """
    chosen: dict[str, list[str]] = {}
    scan: dict[str, str] | None = None
    for kind in (*order, *BESIDE_SCANS):
        paths = files.get(kind, [])
        fitting = _beside(paths, scan, order) if kind in BESIDE_SCANS else _scans(paths, scan, order, wanted)
        if fitting:
            chosen[kind] = fitting
            scan = entities_of(fitting[0], order) if scan is None else scan
    return chosen


def _scans(paths: list[str], scan: dict[str, str] | None, order: tuple[str, ...], wanted: dict[str, str]) -> list[str]:
    """Scans that may be taken, best first: those on the grid of the scan that counts, then the plainest."""
    return sorted(
        (path for path in paths if not unfit(path, wanted)),
        key=lambda path: (scan is not None and grid_of(entities_of(path, order)) != grid_of(scan), *plainness(path)),
    )


def _beside(paths: list[str], scan: dict[str, str] | None, order: tuple[str, ...]) -> list[str]:
    """Masks or label maps of the scan that counts, best first: those that share its entities."""
    fitting = []
    for path in paths:
        has = entities_of(path, order)
        if scan is not None and grid_of(has) != grid_of(scan):
            continue
        if scan and has.get("run", scan.get("run")) != scan.get("run", has.get("run")):
            continue
        others = sum(has[name] != (scan or {}).get(name) for name in OF_SCANS if name in has)
        fitting.append((others, in_order(path), path))
    return [path for _, _, path in sorted(fitting)]


def unfit(path: str, wanted: dict[str, str]) -> str:
    """Why a scan isn't to be taken whatever else there is; empty for one that may be.

    Parameters
    ----------
    wanted : the cohort's `entities`; what they name is taken, a phase image too.
    """
    has = entities_of(path)
    if any(has.get(name, "") != value for name, value in wanted.items()):
        return NOT_WANTED
    for name, (pattern, why) in ASIDE.items():
        if pattern.fullmatch(has.get(name, "")) and name not in wanted:
            return why
    return ""


def plainness(path: str) -> tuple[bool | list[str | int], ...]:
    """What scans are sorted by: first those without `ce`, then without `rec`, then without `acq`, then by name."""
    has = entities_of(path)
    return (*(name in has for name in PREFERRED_WITHOUT), in_order(path))


def in_order(path: str) -> list[str | int]:
    """What names are sorted by: numbers by their value, so that run 2 goes before run 10."""
    return [int(part) if number % 2 else part for number, part in enumerate(re.split(r"(\d+)", path))]


def grid_of(entities: dict[str, str]) -> tuple[str, ...]:
    """What a name says of the grid."""
    return tuple(entities.get(name, "") for name in GRID_ENTITIES)

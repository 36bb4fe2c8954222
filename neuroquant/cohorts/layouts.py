"""How each layout names its files: where scans, masks and label maps lie, and what a path says of its session."""

import re
from dataclasses import dataclass

from neuroquant.config.cohort import Cohort

NII = r"\.nii(?:\.gz)?"
"""Ends of the names of scans that are read."""
SCAN = (
    r"(?i:\.(?:nii(?:\.(?:gz|bz2|zst|xz|zip|z))?|mg[hz]|mgh\.gz|(?:img|hdr|mnc|brik|mgh)(?:\.gz)?"
    r"|head|nrrd|nhdr|mha|mhd|dcm|ima|par|rec))"
)
"""Ends of the names of files that look like scans, whether they can be read or not."""
UNREAD, UNWRITABLE, BARE, MISNAMED = -1, -2, -3, -4
"""In place of bytes: what can't be read; a name that no table can hold; a subject's or a session's folder without a T1w
or T2w scan; one that isn't named as the layout has it."""
FAULTS = {UNREAD: "folder", UNWRITABLE: "unwritable", BARE: "bare", MISNAMED: "misnamed"}
KINDS = ("t1w", "t2w", "mask", "labels")


@dataclass(frozen=True)
class Layout:
    """One way to lay out a cohort. Patterns are regular expressions that match in full.

    Attributes
    ----------
    subject : folder that holds one subject, at the root.
    session : folder that holds one session, in a subject's.
    folders : folders below a subject's that are looked into; all others (func, dwi, ...) cost nothing.
    files : kind (t1w, t2w, mask, labels) -> path relative to the root, with the groups subject and session.
    tables : files at the root that count as input too.
    columns : what participants tables call subject, session, sex, age, ... in order of preference.
    plain_ids : whether tables write subjects with underscores that folder names lack.
    misnamed : folders that are meant as a subject's, and as a session's, under names that the layout doesn't have.
    """

    subject: str
    session: str
    folders: str
    files: dict[str, str]
    tables: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    plain_ids: bool = False
    misnamed: tuple[str, str] = (r"(?is)sub(?:.*\d|[-_ ]).*", r"(?is)ses.*")

    def subject_of(self, identifier: str, shape: str = "{}") -> str:
        """A subject's folder, from what the participants table calls it; `shape` is applied to what follows `sub-`."""
        if not self.subject.startswith("sub-"):
            return shape.format(identifier)
        name = shape.format(identifier.removeprefix("sub-")).removeprefix("sub-")
        return "sub-" + (name.replace("_", "") if self.plain_ids else name)


COLUMNS = {
    "subject": ("participant_id", "subject", "src_subject_id"),
    "session": ("session_id", "session", "visit", "eventname"),
    "sex": ("sex", "gender"),
    "age": ("age", "visit_age", "interview_age"),
    "family": ("family_id", "family", "rel_family_id"),
    "site": ("site", "site_id", "site_id_l"),
    "scanner": ("scanner", "scanner_id", "mri_info_deviceserialnumber"),
}
NEEDED = ("subject", "sex")
"""What a participants table can't be without; the rest is empty where it is unknown."""
MONTHS = frozenset({"interview_age"})
"""Age columns in months; all others are in years."""
ANY_NAME = r"[A-Za-z0-9][A-Za-z0-9_. -]*?"
"""A subject, session or site of a layout of one's own; as short as the rest of the path lets it be."""
BIDS_SUBJECT, BIDS_SESSION = r"sub-[A-Za-z0-9]+", r"ses-[A-Za-z0-9]+"
BIDS_ANAT = rf"(?P<subject>{BIDS_SUBJECT})/(?:(?P<session>{BIDS_SESSION})/)?anat/(?P=subject)"
ENTITIES = r"(?:_[A-Za-z0-9]+-[A-Za-z0-9+]+)*"
OTHER_MASK = r"(?![^/]*_(?:desc-(?!brain_)|label-))"
BIDS_FILES = {
    "t1w": rf"{BIDS_ANAT}{ENTITIES}_T1w{NII}",
    "t2w": rf"{BIDS_ANAT}{ENTITIES}_T2w{NII}",
    "mask": rf"(?:derivatives/[^/]+/)?{BIDS_ANAT}{OTHER_MASK}{ENTITIES}_mask{NII}",
    "labels": rf"(?:derivatives/[^/]+/|(?=.*_desc-a(?:parca)?seg_dseg)){BIDS_ANAT}{ENTITIES}_dseg{NII}",
}
"""Masks and label maps lie below `derivatives/`, or, of a derivative data set, beside its scans; there only label maps
with FreeSurfer's numbers count, since others number tissues."""
STRAY = rf"(?is).*t[12]w(?:[^/_]*|_[^/-]*){SCAN}"
"""What is meant as a scan, by its name; told where it isn't named as the layout has it."""
GRID_ENTITIES = ("space", "res")
"""Entities that scans, masks and label maps of one grid share."""
OF_SCANS = ("ce", "rec", "acq", "run", "echo", "part")
"""Entities of one scan among several of a session; of the first three, a scan without goes before one with."""
ASIDE = {
    "part": (r"(?i)phase|real|imag", "is no magnitude image (part)"),
    "acq": (r"(?i).*(?:locali[sz]er|scout|survey).*", "is a localizer (acq)"),
}
"""Entity -> values of what is no structural scan, and why; taken only where the cohort's `entities` name it."""
NOT_WANTED = "doesn't have the cohort's `entities`"
OWN_SPACES = ("T1w", "T2w", "orig", "native", "individual", "scanner")
"""BIDS's names of the space that a scan was taken in: as good as none."""
BIDS_FOLDERS = rf"{BIDS_SUBJECT}|{BIDS_SESSION}|anat"
NCANDA_SUBJECT, NCANDA_VISIT = r"NCANDA_S[A-Za-z0-9]+", r"[A-Za-z0-9_-]+"
NCANDA_SESSION = rf"(?P<subject>{NCANDA_SUBJECT})/(?P<session>{NCANDA_VISIT})"
LAYOUTS = {
    "bids": Layout(
        BIDS_SUBJECT,
        BIDS_SESSION,
        BIDS_FOLDERS,
        BIDS_FILES,
        ("dataset_description.json", "participants.tsv"),
        COLUMNS,
    ),
    "abcd": Layout(
        BIDS_SUBJECT, BIDS_SESSION, BIDS_FOLDERS, BIDS_FILES, ("participants.tsv",), COLUMNS, plain_ids=True
    ),
    "ncanda": Layout(
        NCANDA_SUBJECT,
        NCANDA_VISIT,
        NCANDA_VISIT,
        {"t1w": rf"{NCANDA_SESSION}/t1_brain{NII}", "t2w": rf"{NCANDA_SESSION}/t2_brain{NII}"},
        ("participants.tsv",),
        COLUMNS,
        misnamed=(r"(?is)NCA.*\d.*", r"(?s).*"),
    ),
    "table": Layout("", "", "", {}, (), COLUMNS),
}


def layout_of(cohort: Cohort) -> Layout:
    """The layout of a cohort, by name or, `custom`, as its own patterns have it."""
    if cohort.layout != "custom":
        return LAYOUTS[cohort.layout]
    files = {kind: pattern_of(path) for kind, path in cohort.files.items()}
    return Layout("", "", "", files, ("participants.tsv",), COLUMNS)


def pattern_of(path: str) -> str:
    """The regular expression of a path with {subject}, {session}, {site} and *: none of them reaches over a slash.

    A name that stands twice is the same both times.
    """
    pattern, seen = "", set()
    for part in re.split(r"(\{subject\}|\{session\}|\{site\}|\*)", path):
        name = part[1:-1]
        if part == "*":
            pattern += "[^/]*"
        elif part in ("{subject}", "{session}", "{site}"):
            pattern += f"(?P={name})" if name in seen else f"(?P<{name}>{ANY_NAME})"
            seen.add(name)
        else:
            pattern += re.escape(part)
    return pattern if "session" in seen else pattern + "(?P<session>)"


def match(layout: Layout, path: str) -> tuple[str, str, str] | None:
    """(kind, subject, session) of a relative path, or None where it is no scan; the session may be empty."""
    for kind, pattern in layout.files.items():
        found = re.fullmatch(pattern, path)
        if found:
            return kind, found["subject"], found["session"] or ""
    return None


def site_in(layout: Layout, path: str) -> str:
    """The site that a path names, in a layout of one's own; empty where it names none."""
    for pattern in layout.files.values():
        if "(?P<site>" in pattern and (found := re.fullmatch(pattern, path)):
            return found["site"]
    return ""


def entities_of(path: str) -> dict[str, str]:
    """BIDS entities of a file's name, e.g. {"desc": "preproc"}; a scan's own space is left out."""
    found = dict(re.findall(r"([A-Za-z0-9]+)-([A-Za-z0-9+]+)(?=_)", path.rpartition("/")[2]))
    return {name: value for name, value in found.items() if (name, value) not in {("space", s) for s in OWN_SPACES}}


def choose(files: dict[str, list[str]], wanted: dict[str, str]) -> dict[str, list[str]]:
    """Kind -> a session's files that fit, best first; the first of them is taken.

    Parameters
    ----------
    files : kind -> paths.
    wanted : entity -> value that scans must have, or an empty string for none. Masks and label maps must lie on the
        grid of the scan that is taken, by their `space` and `res`, and belong to no other run; a T2w scan on that grid
        goes before others. Among what is left `plainness` decides.
    """
    chosen: dict[str, list[str]] = {}
    for kind in KINDS:
        scan = entities_of(first_of(chosen)) if chosen else None
        fitting = []
        for path in files.get(kind, []):
            has = entities_of(path)
            apart = scan is not None and grid_of(has) != grid_of(scan)
            if kind not in ("mask", "labels"):
                if not unfit(path, wanted):
                    fitting.append((apart, *plainness(path), path))
            elif not apart and not (scan and "run" in has and has["run"] != scan.get("run", has["run"])):
                others = sum(has[name] != (scan or {}).get(name) for name in OF_SCANS if name in has)
                fitting.append((others, in_order(path), path))
        if fitting:
            chosen[kind] = [found[-1] for found in sorted(fitting)]
    return chosen


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
        if re.fullmatch(pattern, has.get(name, "")) and name not in wanted:
            return why
    return ""


def plainness(path: str) -> tuple[bool | list[str | int], ...]:
    """What scans are sorted by: first those without `ce`, then without `rec`, then without `acq`, then by name."""
    has = entities_of(path)
    return (*(name in has for name in OF_SCANS[:3]), in_order(path))


def in_order(path: str) -> list[str | int]:
    """What names are sorted by: numbers by their value, so that run 2 goes before run 10."""
    return [int(part) if number % 2 else part for number, part in enumerate(re.split(r"(\d+)", path))]


def first_of(chosen: dict[str, list[str]]) -> str:
    """The scan whose grid counts: the first that was chosen."""
    return next(iter(chosen.values()))[0]


def grid_of(entities: dict[str, str]) -> tuple[str, ...]:
    """What a name says of the grid."""
    return tuple(entities.get(name, "") for name in GRID_ENTITIES)


def owner(layout: Layout, path: str, size: int) -> tuple[str, str, str] | None:
    """(kind, subject, session) of a row of the inventory that says whose it is: a scan, or one that can't be used.

    Kinds beside `KINDS`: those of `FAULTS`, `stray` for what is meant as a scan by its name, and `unwritable t1w` (or
    another kind) for a file whose name no table can hold.
    """
    if size == MISNAMED:
        subject, _, session = path.partition("/")
        return FAULTS[size], subject, session
    hit = match(layout, path)
    if hit:
        return (f"{FAULTS[size]} {hit[0]}", *hit[1:]) if size == UNWRITABLE else hit
    if not layout.subject:
        return None
    stray = re.fullmatch(STRAY, path)
    folder = match_folder(layout, path.rpartition("/")[0] if stray else path)
    if folder and (stray or size in FAULTS):
        return "stray" if stray else FAULTS[size], *folder
    return None


def match_folder(layout: Layout, path: str) -> tuple[str, str] | None:
    """(subject, session) of a folder at or below a subject's own; the session is empty for the subject's."""
    found = re.fullmatch(rf"(?P<subject>{layout.subject})(?:/(?P<session>{layout.session}))?(?:/[^.]*)?", path)
    return (found["subject"], found["session"] or "") if found else None

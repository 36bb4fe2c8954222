"""How each layout names its files: where scans, masks and label maps lie, and what a path says of its session."""

import re
from dataclasses import dataclass

from neuroquant.config.cohort import Cohort

NII = r"\.nii(?:\.gz)?"
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
    """

    subject: str
    session: str
    folders: str
    files: dict[str, str]
    tables: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    plain_ids: bool = False

    def subject_of(self, identifier: str) -> str:
        """A subject's folder, from what the participants table calls it."""
        if not self.subject.startswith("sub-"):
            return identifier
        name = identifier.removeprefix("sub-")
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
STRAY = r"(?i).*t[12]w(?:[^/_]*|_[^/-]*)\.nii(?:\.gz)?"
"""What is meant as a scan, by its name; told where it isn't named as the layout has it."""
GRID_ENTITIES = ("space", "res")
"""Entities that scans, masks and label maps of one grid share."""
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
    """Kind -> a session's files that fit, by name; the first of them is taken.

    Parameters
    ----------
    files : kind -> paths.
    wanted : entity -> value that scans must have, or an empty string for none. Masks and label maps must lie on the
        grid of the scan that is taken, by their `space` and `res`; a T2w scan on that grid goes before others.
    """
    chosen: dict[str, list[str]] = {}
    for kind in KINDS:
        fitting = []
        for path in sorted(files.get(kind, [])):
            has = entities_of(path)
            if kind in ("mask", "labels") or all(has.get(name, "") == value for name, value in wanted.items()):
                fitting.append((chosen != {} and grid_of(has) != grid_of(entities_of(first_of(chosen))), path))
        if kind in ("mask", "labels"):
            fitting = [(other, path) for other, path in fitting if not other]
        if fitting:
            chosen[kind] = [path for _, path in sorted(fitting)]
    return chosen


def first_of(chosen: dict[str, list[str]]) -> str:
    """The scan whose grid counts: the first that was chosen."""
    return next(iter(chosen.values()))[0]


def grid_of(entities: dict[str, str]) -> tuple[str, ...]:
    """What a name says of the grid."""
    return tuple(entities.get(name, "") for name in GRID_ENTITIES)


def match_folder(layout: Layout, path: str) -> tuple[str, str] | None:
    """(subject, session) of a folder at or below a subject's own; the session is empty for the subject's."""
    found = re.fullmatch(rf"(?P<subject>{layout.subject})(?:/(?P<session>{layout.session}))?(?:/[^.]*)?", path)
    return (found["subject"], found["session"] or "") if found else None

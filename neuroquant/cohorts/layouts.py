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
    columns : what participants tables call subject, sex, age, family, site and scanner, in order of preference.
    plain_ids : whether tables write subjects without `sub-`, or with underscores that folder names lack.
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
        if not self.plain_ids:
            return identifier
        return "sub-" + identifier.removeprefix("sub-").replace("_", "")


COLUMNS = {
    "subject": ("participant_id", "subject", "src_subject_id"),
    "sex": ("sex",),
    "age": ("age", "interview_age"),
    "family": ("family_id", "family", "rel_family_id"),
    "site": ("site", "site_id", "site_id_l"),
    "scanner": ("scanner", "scanner_id", "mri_info_deviceserialnumber"),
}
NEEDED = ("subject", "sex")
"""What a participants table can't be without; the rest is empty where it is unknown."""
MONTHS = frozenset({"interview_age"})
"""Age columns in months; all others are in years."""
ANY_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*?"
"""A subject or session of a layout of one's own; as short as the rest of the path lets it be."""
BIDS_SUBJECT, BIDS_SESSION = r"sub-[A-Za-z0-9]+", r"ses-[A-Za-z0-9]+"
BIDS_ANAT = rf"(?P<subject>{BIDS_SUBJECT})/(?:(?P<session>{BIDS_SESSION})/)?anat/(?P=subject)"
ENTITIES = r"(?:_[A-Za-z0-9]+-[A-Za-z0-9+]+)*"
OTHER_MASK = r"(?![^/]*_(?:desc-(?!brain_)|label-))"
BIDS_FILES = {
    "t1w": rf"{BIDS_ANAT}{ENTITIES}_T1w{NII}",
    "t2w": rf"{BIDS_ANAT}{ENTITIES}_T2w{NII}",
    "mask": rf"derivatives/[^/]+/{BIDS_ANAT}{OTHER_MASK}{ENTITIES}_mask{NII}",
    "labels": rf"derivatives/[^/]+/{BIDS_ANAT}{ENTITIES}_dseg{NII}",
}
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
    """The regular expression of a path with {subject}, {session} and *: none of them reaches over a slash.

    A name that stands twice is the same both times.
    """
    pattern, seen = "", set()
    for part in re.split(r"(\{subject\}|\{session\}|\*)", path):
        name = part[1:-1]
        if part == "*":
            pattern += "[^/]*"
        elif part in ("{subject}", "{session}"):
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


def match_folder(layout: Layout, path: str) -> tuple[str, str] | None:
    """(subject, session) of a folder at or below a subject's own; the session is empty for the subject's."""
    found = re.fullmatch(rf"(?P<subject>{layout.subject})(?:/(?P<session>{layout.session}))?(?:/[^.]*)?", path)
    return (found["subject"], found["session"] or "") if found else None

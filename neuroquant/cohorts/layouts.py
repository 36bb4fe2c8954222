"""How each layout names its files: where scans, masks and label maps lie, and what a path says of its session."""

import re
from dataclasses import dataclass

SESSION = r"(?:(?P<session>ses-[A-Za-z0-9]+)/)?"
ENTITIES = r"[A-Za-z0-9_-]*?"
NII = r"\.nii(?:\.gz)?"


@dataclass(frozen=True)
class Layout:
    """One way to lay out a cohort.

    Attributes
    ----------
    subjects : pattern of the folders that hold one subject each.
    files : kind (t1w, t2w, mask, labels) -> pattern of a path relative to the root, with groups subject and session.
    tables : names at the root that count as input too.
    columns : what participants tables call (subject, sex, age, family), in order of preference.
    age_in_years : what the age column must be multiplied with.
    """

    subjects: str
    files: dict[str, str]
    tables: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    age_in_years: float = 1.0


BIDS_SUBJECT = r"(?P<subject>sub-[A-Za-z0-9]+)/"
BIDS_FILES = {
    "t1w": rf"{BIDS_SUBJECT}{SESSION}anat/(?P=subject){ENTITIES}_T1w{NII}",
    "t2w": rf"{BIDS_SUBJECT}{SESSION}anat/(?P=subject){ENTITIES}_T2w{NII}",
    "mask": rf"derivatives/[^/]+/{BIDS_SUBJECT}{SESSION}anat/(?P=subject){ENTITIES}_desc-brain_mask{NII}",
    "labels": rf"derivatives/[^/]+/{BIDS_SUBJECT}{SESSION}anat/(?P=subject){ENTITIES}_dseg{NII}",
}
COLUMNS = {
    "subject": ("participant_id", "subject", "src_subject_id"),
    "sex": ("sex",),
    "age": ("age", "interview_age"),
    "family": ("family_id", "family", "rel_family_id"),
}
LAYOUTS = {
    "bids": Layout(r"sub-[A-Za-z0-9]+", BIDS_FILES, ("dataset_description.json", "participants.tsv"), COLUMNS),
    "abcd": Layout(r"sub-[A-Za-z0-9]+", BIDS_FILES, (), COLUMNS, age_in_years=1 / 12),
    "ncanda": Layout(
        r"NCANDA_S[A-Za-z0-9]+",
        {
            "t1w": rf"(?P<subject>NCANDA_S[A-Za-z0-9]+)/(?P<session>[^/]+)/t1_brain{NII}",
            "t2w": rf"(?P<subject>NCANDA_S[A-Za-z0-9]+)/(?P<session>[^/]+)/t2_brain{NII}",
        },
        (),
        COLUMNS,
    ),
}
KINDS = ("t1w", "t2w", "mask", "labels")


def match(layout: Layout, path: str) -> tuple[str, str, str] | None:
    """(kind, subject, session) of a relative path, or None where it is no scan; the session may be empty."""
    for kind, pattern in layout.files.items():
        found = re.fullmatch(pattern, path)
        if found:
            return kind, found["subject"], found.groupdict().get("session") or ""
    return None

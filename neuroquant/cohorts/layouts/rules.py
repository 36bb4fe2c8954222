"""What tells the layouts with a folder per subject from one another: patterns and names, no code."""

from collections.abc import Callable
from dataclasses import dataclass, field

from neuroquant.cohorts.layouts.base import NII


@dataclass(frozen=True)
class FolderRules:
    """Names of one layout. Patterns are regular expressions that match in full.

    Attributes
    ----------
    described : the layout in words.
    subject : folder that holds one subject, at the root.
    session : folder that holds one session, in a subject's.
    folders : folders below a subject's that are looked into; all others (func, dwi, ...) cost nothing.
    image : modality -> path of its scans relative to the root, with the groups subject and session.
    any_image : name of a scan of whatever modality, with the group suffix; empty where names don't tell it.
    suffixed : the same of a file that only begins and ends like a scan.
    beside : the same of masks and label maps.
    required : files that the root must have.
    prefix : what every subject's folder begins with.
    plain_ids : whether tables write subjects with underscores that folder names lack.
    entities : whether names of scans have BIDS entities.
    misnamed_subject, misnamed_session : folders that are meant so, under names that the layout doesn't have.
    remedy : what to do about a folder below a subject's that isn't opened.
    """

    described: str
    subject: str
    session: str
    folders: str
    image: Callable[[str], str]
    any_image: str = ""
    suffixed: str = ""
    beside: dict[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    prefix: str = ""
    plain_ids: bool = False
    entities: bool = False
    misnamed_subject: str = r"(?is)sub(?:.*\d|[-_ ]).*"
    misnamed_session: str = r"(?is)ses.*"
    remedy: str = "rename it (ses-<letters and digits>, anat)"


OTHER_DATA = {
    "func", "dwi", "fmap", "perf", "eeg", "ieeg", "meg", "pet", "beh", "micr", "nirs", "motion", "mrs"
}  # fmt: skip
"""BIDS's folders of what isn't anatomy."""
BESIDE = {"sourcedata", "rawdata", "code", "stimuli", "phenotype", "logs"}
"""BIDS's folders beside the subjects'."""
MASKS = ("mask", "dseg", "probseg")
"""BIDS's suffixes of masks and label maps."""
BIDS_SUBJECT, BIDS_SESSION = r"sub-[A-Za-z0-9]+", r"ses-[A-Za-z0-9]+"
BIDS_FOLDERS = rf"{BIDS_SUBJECT}|{BIDS_SESSION}|anat"
BIDS_ANAT = rf"(?P<subject>{BIDS_SUBJECT})/(?:(?P<session>{BIDS_SESSION})/)?anat/(?P=subject)"
ENTITIES = r"(?:_[A-Za-z0-9]+-[A-Za-z0-9+]+)*"
OTHER_MASK = r"(?![^/]*_(?:desc-(?!brain_)|label-))"
BIDS_BESIDE = {
    "mask": rf"(?:derivatives/[^/]+/)?{BIDS_ANAT}{OTHER_MASK}{ENTITIES}_mask{NII}",
    "labels": rf"(?:derivatives/[^/]+/|(?=.*_desc-a(?:parca)?seg_dseg)){BIDS_ANAT}{ENTITIES}_dseg{NII}",
}
"""Masks and label maps lie below `derivatives/`, or, of a derivative data set, beside its scans; there only label maps
with FreeSurfer's numbers count, since others number tissues."""
NCANDA_SUBJECT, NCANDA_VISIT = r"NCANDA_S[A-Za-z0-9]+", r"[A-Za-z0-9_-]+"


def short(modality: str) -> str:
    """A modality as names of before BIDS have it: in lower case, without the w of weighted images."""
    return modality.lower().removesuffix("w")


def bids_image(modality: str) -> str:
    """Path of a scan in BIDS."""
    return rf"{BIDS_ANAT}{ENTITIES}_{modality}{NII}"


def ncanda_image(modality: str) -> str:
    """Path of a scan as NCANDA's consortium gives it out."""
    return rf"(?P<subject>{NCANDA_SUBJECT})/(?P<session>{NCANDA_VISIT})/{short(modality)}_brain{NII}"


BIDS_NAMES = {
    "subject": BIDS_SUBJECT,
    "session": BIDS_SESSION,
    "folders": BIDS_FOLDERS,
    "image": bids_image,
    "any_image": rf"{BIDS_SUBJECT}{ENTITIES}_(?P<suffix>[A-Za-z0-9]+){NII}",
    "suffixed": rf"{BIDS_SUBJECT}_(?:.*_)?(?P<suffix>[A-Za-z0-9]+){NII}",
    "beside": BIDS_BESIDE,
    "prefix": "sub-",
    "entities": True,
}
FOLDERS = {
    "bids": FolderRules("a BIDS data set", **BIDS_NAMES, required=("dataset_description.json",)),
    "abcd": FolderRules("abcd", **BIDS_NAMES, plain_ids=True),
    "ncanda": FolderRules(
        "ncanda",
        NCANDA_SUBJECT,
        NCANDA_VISIT,
        NCANDA_VISIT,
        ncanda_image,
        misnamed_subject=r"(?is)NCA.*\d.*",
        misnamed_session=r"(?s).*",
        remedy="move its scans up",
    ),
}
"""Layout -> its names."""

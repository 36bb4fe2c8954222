"""What all layouts have in common: kinds of files, faults of entries, and the questions that the index asks."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import printable
from neuroquant.tables import BESIDE_SCANS

NII = r"\.nii(?:\.gz)?"
"""Ends of the names of scans that are read."""
SCAN = (
    r"(?i:\.(?:nii(?:\.(?:gz|bz2|zst|xz|zip|z))?|mg[hz]|mgh\.gz|(?:img|hdr|mnc|brik|mgh)(?:\.gz)?"
    r"|head|nrrd|nhdr|mha|mhd|dcm|ima|par|rec))"
)
"""Ends of the names of files that look like scans, whether they can be read or not."""
IS_SCAN = re.compile(rf".*{SCAN}", re.DOTALL)
UNREAD, UNWRITABLE, BARE, MISNAMED = -1, -2, -3, -4
"""In place of bytes: what can't be read; a name that no table can hold; a folder of a subject or session without a scan
of any modality; one that isn't named as the layout has it."""
FAULTS = {UNREAD: "folder", UNWRITABLE: "unwritable", BARE: "bare", MISNAMED: "misnamed"}

Entry = tuple[str, int, int]
"""Path relative to the root (`printable`), bytes, mtime in ns; negative where it can't be used (`FAULTS`)."""
Owner = tuple[str, str, str]
"""Kind, subject and session of a path; the session may be empty."""


@dataclass(frozen=True)
class Layout(ABC):
    """One way to lay out a cohort, for the modalities of an experiment.

    Attributes
    ----------
    cohort : whose folder it is.
    modalities : BIDS suffixes of the images that count as scans.
    """

    cohort: Cohort
    modalities: tuple[str, ...]

    tables = ("participants.tsv",)
    """Files at the root that count as input too."""
    entities = False
    """Whether names carry BIDS entities, among which the cohort's `entities` choose."""
    shares_masks = True
    """Whether a subject's own mask may serve its sessions."""
    holds = "scan"
    """What a subject of the participants table must have to be in the folder."""

    @property
    def name(self) -> str:
        """What the cohort's `layout` is called."""
        return self.cohort.layout

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of files that a session may have: the modalities, mask and labels."""
        return (*self.modalities, *BESIDE_SCANS)

    @property
    def any_scan(self) -> str:
        """The modalities in words, e.g. "T1w or T2w"."""
        return " or ".join(self.modalities)

    @cached_property
    @abstractmethod
    def files(self) -> dict[str, re.Pattern]:
        """Kind -> the whole path relative to the root, with the groups subject and session."""

    @abstractmethod
    def entries(self, root: Path) -> list[Entry]:
        """Every scan, mask, label map and table below the root, and folders that should hold some and don't."""

    @abstractmethod
    def check(self, root: Path, names: list[str]) -> None:
        """Make sure that the root is laid out so; `names` are those of its entries.

        Raises
        ------
        InputError
            If it isn't.
        """

    @abstractmethod
    def opened(self, used: Iterable[str]) -> Callable[[str], bool]:
        """Whether a folder is one that the layout looks into, by its path; `used` are the paths of the inventory."""

    @abstractmethod
    def why_file(self, path: str) -> str:
        """Why a scan-like file in a folder that is opened wasn't taken for a scan, and what to do."""

    @abstractmethod
    def why_folder(self, path: str, held: int) -> str:
        """Why a folder wasn't opened, and what to do; empty for one that nobody would look for scans in.

        Parameters
        ----------
        held : scan-like files in and below it.
        """

    def match(self, path: str) -> Owner | None:
        """(kind, subject, session) of a relative path, or None where it is no scan; the session may be empty."""
        for kind, pattern in self.files.items():
            if fit := pattern.fullmatch(path):
                return kind, fit["subject"], fit["session"] or ""
        return None

    def owner(self, path: str, size: int) -> Owner | None:
        """(kind, subject, session) of a row of the inventory that says whose it is: a scan, or one that can't be used.

        Kinds beside `kinds`: those of `FAULTS`, `stray` for what is meant as a scan by its name, and `unwritable T1w`
        (or another kind) for a file whose name no table can hold.
        """
        hit = self.match(path)
        if hit and size == UNWRITABLE and hit[0] in self.kinds:
            return f"{FAULTS[size]} {hit[0]}", *hit[1:]
        return hit

    def site_in(self, path: str) -> str:
        """The site that a path names; empty where it names none."""
        for pattern in self.files.values():
            if "site" in pattern.groupindex and (fit := pattern.fullmatch(path)):
                return fit["site"]
        return ""

    def subject_of(self, identifier: str) -> str:
        """A subject's name in paths, from what the participants table calls it."""
        return self.cohort.subject_format.format(identifier)

    def participants(self, root: Path) -> list[Path]:
        """Where the participants table is, unless the cohort names others."""
        return [root / "participants.tsv"]

    def own_tables(self, root: Path) -> list[Entry]:
        """The layout's own tables at the root, as far as they exist."""
        return [stamp(root / name, name) for name in self.tables if (root / name).exists()]

    def check_scans(self, root: Path, expected_at: str) -> None:
        """Refuse a root without any scan at the paths that the cohort names."""
        if not any(size >= 0 and self.match(path) for path, size, _ in self.entries(root)):
            remedy = "correct `root` in the cohort's file in config/cohorts/, or where files lie"
            raise InputError(
                f"cohort {self.cohort.name}: root", f"{root}: no file at {expected_at}", "the cohort's scans", remedy
            )


def kind_named(name: str, modalities: Iterable[str]) -> str | None:
    """The kind that a user's key or column stands for, in whatever case it is written; None where it is none."""
    return next((kind for kind in (*modalities, *BESIDE_SCANS) if kind.lower() == name.lower()), None)


def stamp(entry: os.DirEntry | Path, path: str) -> Entry:
    """A file's row of the inventory."""
    if printable(path) != path:
        return printable(path), UNWRITABLE, UNWRITABLE
    try:
        status = entry.stat()
    except OSError:
        return path, UNREAD, UNREAD
    return path, status.st_size, status.st_mtime_ns

"""Layouts with a folder per subject: BIDS, ABCD, NCANDA."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from neuroquant.cohorts.layouts.base import BARE, FAULTS, IS_SCAN, MISNAMED, NII, SCAN, UNREAD, Entry, Layout, Owner
from neuroquant.cohorts.layouts.base import stamp as stamped
from neuroquant.cohorts.layouts.rules import BESIDE, MASKS, OTHER_DATA, FolderRules, short
from neuroquant.cohorts.layouts.templates import HIDDEN, not_used
from neuroquant.datasets import DERIVATIVES, is_ours
from neuroquant.errors import InputError
from neuroquant.files import printable
from neuroquant.tables import BESIDE_SCANS

DEPTH = 3
"""Levels of folders from a subject's own down: sub-*/ses-*/anat."""


@dataclass(frozen=True)
class FolderLayout(Layout):
    """Scans lie in folders of subjects, and perhaps of sessions, under names that the layout has."""

    rules: FolderRules

    holds = "folder"

    @property
    def tables(self) -> tuple[str, ...]:
        """The layout's."""
        return (*self.rules.required, "participants.tsv")

    @property
    def entities(self) -> bool:
        """Whether its names have them."""
        return self.rules.entities

    @cached_property
    def files(self) -> dict[str, re.Pattern]:
        """A pattern of each modality, and of masks and label maps where the layout has them."""
        images = {modality: self.rules.image(modality) for modality in self.modalities}
        return {kind: re.compile(pattern) for kind, pattern in (images | self.rules.beside).items()}

    @cached_property
    def _stray(self) -> re.Pattern:
        """What is meant as a scan, by its name; named where it isn't where the layout has it."""
        names = "|".join(map(re.escape, self.modalities))
        return re.compile(rf"(?is).*(?:{names})(?:[^/_]*|_[^/-]*){SCAN}")

    def _is_stray(self, path: str) -> bool:
        other = _suffix(self.rules.any_image, path)
        if other and not any(modality.lower() in other.lower() for modality in self.modalities):
            return False
        return bool(self._stray.fullmatch(path))

    @cached_property
    def _folder(self) -> re.Pattern:
        """A folder at or below a subject's own; the session is empty for the subject's."""
        subject, session = self.rules.subject, self.rules.session
        return re.compile(rf"(?P<subject>{subject})(?:/(?P<session>{session}))?(?:/[^.]*)?")

    def owner(self, path: str, size: int) -> Owner | None:
        """As of all layouts; and whose a folder is, or a file that is meant as a scan."""
        if size == MISNAMED:
            subject, _, session = path.partition("/")
            return FAULTS[size], subject, session
        if hit := super().owner(path, size):
            return hit
        stray = self._is_stray(path)
        folder = self._folder.fullmatch(path.rpartition("/")[0] if stray else path)
        if folder and (stray or size in FAULTS):
            return "stray" if stray else FAULTS[size], folder["subject"], folder["session"] or ""
        return None

    def subject_of(self, identifier: str) -> str:
        """A subject's folder; where these begin with `sub-`, the cohort's format is applied to what follows."""
        prefix = self.rules.prefix
        name = self.cohort.subject_format.format(identifier.removeprefix(prefix)).removeprefix(prefix)
        return prefix + (name.replace("_", "") if self.rules.plain_ids else name)

    def check(self, root: Path, names: list[str]) -> None:
        """Make sure that the files that the layout asks for are there, and a subject's folder."""
        where, edit = f"cohort {self.cohort.name}: root", "correct `root` in the cohort's file in config/cohorts/"
        for name in self.rules.required:
            if name not in names:
                raise InputError(where, f"{root}: no {name}", self.rules.described, edit)
        if not any(re.fullmatch(self.rules.subject, name) for name in names):
            expected = f"{self.rules.described}: a folder per subject, named {self.rules.subject}"
            raise InputError(where, f"{root}: no subject's folder", expected, edit + ", or `layout`")

    def entries(self, root: Path) -> list[Entry]:
        """Scans, masks, label maps and tables; folders that can't be read, hold no scan, or are misnamed."""
        try:
            top = list(os.scandir(root))
        except OSError as error:
            raise InputError(
                f"cohort {self.cohort.name}: root", f"{root}: {error.strerror}", "a folder that can be read",
                "correct `root`",
            ) from None  # fmt: skip
        entries: list[Entry] = []
        for entry in top:
            if entry.name in self.tables:
                entries.append(stamped(entry, entry.name))
            elif re.fullmatch(self.rules.subject, entry.name):
                entries += self._subject(entry.path, entry.name)
            elif entry.name == DERIVATIVES:
                entries += self._derivatives(entry.path)
            elif re.fullmatch(self.rules.misnamed_subject, entry.name) and entry.is_dir():
                entries.append((printable(entry.name), MISNAMED, MISNAMED))
        return entries

    def _subject(self, folder: str, subject: str) -> list[Entry]:
        """A subject's scans, and each folder of a session, or the subject's own, in which there is none."""
        sessions: list[str] = []
        entries = list(self._walk(folder, subject, DEPTH, sessions))
        owners = (self.owner(path, size) for path, size, _ in entries)
        held = {owner[2] for owner in owners if owner and owner[0] not in BESIDE_SCANS}
        bare = [f"{subject}/{session}" for session in sessions if session not in held]
        if not held and not bare:
            bare = [subject]
        return [*entries, *((path, BARE, BARE) for path in bare)]

    def _derivatives(self, folder: str) -> Iterable[Entry]:
        """Masks and label maps of other programs: what a model made of the scans is no input."""
        try:
            pipelines = [entry for entry in os.scandir(folder) if entry.is_dir()]
        except OSError:
            yield DERIVATIVES, UNREAD, UNREAD
            return
        for pipeline in pipelines:
            if not is_ours(Path(pipeline.path)):
                yield from self._walk(pipeline.path, f"{DERIVATIVES}/{pipeline.name}", DEPTH + 1, [])

    def _walk(self, folder: str, relative: str, depth: int, sessions: list[str]) -> Iterable[Entry]:
        """What lies below a folder, at most `depth` levels of folders counting its own.

        Parameters
        ----------
        sessions : receives the names of the folders of sessions, where `relative` is a subject's.
        """
        try:
            entries = list(os.scandir(folder))
        except NotADirectoryError:
            return
        except OSError:
            yield printable(relative), UNREAD, UNREAD
            return
        below_subject = "/" not in relative
        for entry in entries:
            path = f"{relative}/{entry.name}"
            if IS_SCAN.fullmatch(entry.name):
                if self._counts(printable(path)):
                    yield stamped(entry, path)
            elif entry.name.endswith("_sessions.tsv"):
                yield stamped(entry, path)
            elif depth > 1 and re.fullmatch(self.rules.folders, entry.name):
                yield from self._walk(entry.path, path, depth - 1, sessions)
                if below_subject and re.fullmatch(self.rules.session, entry.name) and entry.is_dir():
                    sessions.append(entry.name)
            elif below_subject and re.fullmatch(self.rules.misnamed_session, entry.name) and entry.is_dir():
                yield printable(path), MISNAMED, MISNAMED

    def _counts(self, path: str) -> bool:
        """Whether a scan-like file is one of the session's, or meant as one."""
        return bool(self.match(path)) or (not path.startswith(f"{DERIVATIVES}/") and self._is_stray(path))

    def opened(self, used: Iterable[str]) -> Callable[[str], bool]:
        """Folders of subjects, sessions and scans, and those of derivative data sets."""
        return self._is_opened

    def _is_opened(self, path: str) -> bool:
        parts = path.split("/")
        if parts[0] == DERIVATIVES:
            return len(parts) <= 2 or (len(parts) <= DEPTH + 2 and self._all_known(parts[2:]))
        first = re.fullmatch(self.rules.subject, parts[0])
        return len(parts) <= DEPTH and bool(first) and self._all_known(parts[1:])

    def _all_known(self, parts: list[str]) -> bool:
        return all(re.fullmatch(self.rules.folders, part) for part in parts)

    def why_file(self, path: str) -> str:
        """Hidden, in another format, a derivative, another mask, of a modality that isn't used, or misnamed."""
        name = path.rpartition("/")[2]
        if name.startswith("."):
            return HIDDEN
        if not re.search(rf"{NII}$", name):
            if re.search(rf"(?i){NII}$", name):
                return "its suffix isn't in lower case: rename it (.nii.gz)"
            ending = name.partition(".")[2]
            return f"in a format that isn't read (.{ending}): convert it to .nii.gz (mri_convert, dcm2niix)"
        if path.startswith(f"{DERIVATIVES}/"):
            what = "below derivatives, and no brain mask or label map that another program made"
            return f"{what}: nothing to do, or name that data set as `root`"
        suffix = _suffix(self.rules.suffixed, path)
        if suffix in MASKS:
            return "another mask or label map than of the brain (desc-brain_mask, desc-aseg_dseg): nothing to do"
        meant = {name for modality in self.modalities for name in (modality.lower(), short(modality))}
        if suffix and suffix.lower() not in meant:
            return not_used(suffix)
        return f"not named as the layout {self.name} has it: rename it, or set another `layout` (custom, table)"

    def why_folder(self, path: str, held: int) -> str:
        """A derivative, other data, or a name that the layout doesn't have."""
        parts = path.split("/")
        if parts[0] == DERIVATIVES:
            return "below derivatives, where only anat folders are opened: nothing to do" if held else ""
        if len(parts) > 1:
            if parts[-1] in OTHER_DATA:
                return "in a folder of other data than anatomy (func, dwi, ...): nothing to do" if held else ""
            return f"in a folder that the layout {self.name} doesn't open: {self.rules.remedy}" if held else ""
        if path in BESIDE:
            what = "in a folder beside the subjects' (sourcedata, ...): nothing to do, or name it as `root`"
            return what if held else ""
        if held or re.search(r"\d", path):
            name = self.rules.subject
            return f"a folder that isn't named as a subject's ({name}): rename it, or set another `layout`"
        return ""


def _suffix(pattern: str, path: str) -> str:
    """The BIDS suffix of a scan's name, whatever it is; empty where the pattern doesn't fit, or there is none."""
    scan = re.fullmatch(pattern, path.rpartition("/")[2]) if pattern else None
    return scan["suffix"] if scan else ""

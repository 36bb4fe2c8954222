"""Names of BIDS files: what the name of a scan says, and what is made of it is called."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from neuroquant.errors import InputError

ORDER = (
    "sub", "ses", "sample", "task", "tracksys", "acq", "nuc", "voi", "ce", "trc", "stain", "rec", "dir", "run", "mod",
    "echo", "flip", "inv", "mt", "part", "proc", "hemi", "space", "split", "recording", "chunk", "atlas", "seg",
    "scale", "res", "den", "label", "desc",
)  # fmt: skip
"""Entities in the order in which BIDS writes them."""
PAIR = re.compile(r"([A-Za-z]+)-([A-Za-z0-9+]+)")


@dataclass(frozen=True, slots=True)
class BidsName:
    """The name of a BIDS file without its extension.

    Attributes
    ----------
    entities : (entity, value) in BIDS's order; `sub` is the first
    suffix : e.g. T1w
    """

    entities: tuple[tuple[str, str], ...]
    suffix: str

    def __getitem__(self, entity: str) -> str:
        """The value of an entity; empty where the name hasn't got it."""
        return dict(self.entities).get(entity, "")

    def but(self, suffix: str = "", **entities: str) -> "BidsName":
        """The same name with other entities, those that are empty left out, and perhaps another suffix."""
        kept = {**dict(self.entities), **entities}
        ordered = sorted(kept.items(), key=lambda pair: _place(pair[0]))
        return replace(self, entities=tuple((k, v) for k, v in ordered if v), suffix=suffix or self.suffix)

    @property
    def session(self) -> str:
        """What a subject's session is called in names of files: sub-01, or sub-01_ses-02."""
        return "_".join(f"{name}-{self[name]}" for name in ("sub", "ses") if self[name])

    @property
    def session_folder(self) -> str:
        """The folder of its session: sub-01, or sub-01/ses-02."""
        return self.session.replace("_", "/")

    @property
    def stem(self) -> str:
        """The file's name without its extension."""
        return "_".join([*(f"{name}-{value}" for name, value in self.entities), self.suffix])

    def path(self, extension: str) -> str:
        """Where the file lies in its data set."""
        return f"{self.session_folder}/anat/{self.stem}{extension}"


def _place(entity: str) -> int:
    """Where an entity stands among others; those that BIDS doesn't know go before the description."""
    return ORDER.index(entity) if entity in ORDER else len(ORDER) - 2


def name_of_scan(path: str, suffix: str, subject: str, session: str) -> BidsName:
    """The name of a scan in a derivative data set: it keeps every entity that the scan's own name has.

    Parameters
    ----------
    path : of the scan; where its name isn't one of BIDS, only subject and session are in the new one.
    suffix : its modality.
    subject, session : labels, without `sub-` and `ses-`; the session may be empty.
    """
    stem = path.rpartition("/")[2].partition(".")[0]
    parts = [PAIR.fullmatch(part) for part in stem.split("_")[:-1]]
    own = {part[1]: part[2] for part in parts if part} if parts and all(parts) and stem.startswith("sub-") else {}
    return BidsName((), suffix).but(**{**own, "sub": subject, "ses": session, "desc": ""})


def labels_of(names: Iterable[str], what: str, where: str) -> dict[str, str]:
    """Name of a subject or session -> its label in BIDS, which has letters and digits alone.

    Parameters
    ----------
    names : as tables and folders have them, with or without `sub-` or `ses-`; an empty one stays so.
    what : "subject" or "session".
    where : the table or folder that has them, for the error.

    Raises
    ------
    InputError
        If nothing is left of a name, or two names, in whatever case, become one.
    """
    labels: dict[str, str] = {}
    taken: dict[str, str] = {"": ""}
    for name in names:
        label = re.sub(r"[^A-Za-z0-9]", "", re.sub(r"^(?:sub|ses)-", "", name))
        other = taken.setdefault(label.lower(), name)
        if other != name:
            same = f"and {other!r} both become the label {label}" if label else "has no letter or digit"
            raise InputError(
                where, f"{what} {name!r} {same}", f"names of {what}s whose letters and digits differ",
                f"rename one of the {what}s there: BIDS allows only letters and digits in labels",
            )  # fmt: skip
        labels[name] = label
    return labels

"""The record of a finished session: what it was made of and what came of it. It is written last."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import neuroquant
from neuroquant.bids_app.sessions import SessionFiles
from neuroquant.config.plain import read_json
from neuroquant.errors import InputError
from neuroquant.files import sha256, write_json
from neuroquant.model_config import CONFIG

ENDING = "_qc.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a session.

    Attributes
    ----------
    subject, session : labels; the session may be empty
    key : hash of all that the outputs depend on
    model, weights : the model's name, and SHA-256 of its weights
    numbers : name -> value; what isn't a finite number is left out
    facts : of the preprocessing, e.g. where the brain mask is from
    outputs : files below the output folder
    """

    subject: str
    session: str
    key: str
    model: str
    weights: str
    numbers: dict[str, float]
    facts: dict[str, str]
    outputs: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What the session is called: sub-01, or sub-01_ses-02."""
        return SessionFiles(self.subject, self.session).name

    def save(self, root: Path) -> None:
        """Write it where `read` looks for it."""
        numbers = {name: value for name, value in self.numbers.items() if math.isfinite(value)}
        write_json(record_path(root, self.name), {**asdict(self), "numbers": numbers})

    def is_done(self, root: Path, key: str) -> bool:
        """Whether the session is finished for this key, and all its files are there."""
        return self.key == key and all((root / path).is_file() for path in self.outputs)


def record_path(root: Path, name: str) -> Path:
    """Where the record of a session lies."""
    return root / name.replace("_", "/") / f"{name}{ENDING}"


def read(root: Path, name: str) -> Record | None:
    """The record of a session; None where it isn't finished."""
    return read_record(record_path(root, name))


def read_record(path: Path) -> Record | None:
    """A record by its path; None where it is missing, or no record of this version."""
    try:
        return Record(**read_json(path))
    except (InputError, TypeError):
        return None


def all_records(root: Path) -> list[Record]:
    """The records of all finished sessions, sorted by their names."""
    found = (read_record(path) for path in sorted(root.glob(f"sub-*/**/*{ENDING}")))
    return [record for record in found if record is not None]


def key_of(root: Path, files: SessionFiles, model: Path, weights: str, like: tuple[Path, ...]) -> str:
    """Hash of all that a session's outputs depend on: its files, the model, --like and the program's version."""
    facts: dict[str, Any] = {
        "files": {path: sha256(root / path) for path in files.files},
        "scans": files.scans,
        "model": [weights, sha256(model / CONFIG)],
        "like": [sha256(path) for path in like],
        "version": neuroquant.__version__,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

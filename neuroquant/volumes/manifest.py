"""A session's row of a shard's manifest, typed: its files, and what is known of the person."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuroquant.files import read_tsv
from neuroquant.store.arrays import Geometry, Record
from neuroquant.tables import SESSION_KEY


@dataclass(frozen=True)
class SessionRow:
    """One session to preprocess.

    Attributes
    ----------
    images : modality -> scan, for those that there are; paths relative to the cohort's root, or absolute
    mask, labels : the brain mask and the ground-truth label map; empty where there is none
    age : years; nan where unknown
    """

    images: dict[str, str]
    mask: str = ""
    labels: str = ""
    cohort: str = ""
    subject: str = ""
    session: str = ""
    split: str = ""
    family: str = ""
    sex: str = ""
    age: float = field(default=float("nan"))

    @classmethod
    def of(cls, row: dict[str, Any], modalities: tuple[str, ...]) -> "SessionRow":
        """The row of a manifest, as `read_tsv` gives it."""
        facts = {name: row[name] for name in ("mask", "labels", *SESSION_KEY, "split", "family", "sex", "age")}
        return cls({modality: row[modality] for modality in modalities if row[modality]}, **facts)

    @property
    def key(self) -> dict[str, str]:
        """What names it in tables."""
        return {name: getattr(self, name) for name in SESSION_KEY}

    @property
    def shown(self) -> str:
        """What names it in a log."""
        return " ".join(self.key.values())

    def record(self, modality: str, geometry: Geometry) -> Record:
        """What the shard says of one of its images."""
        facts = {name: getattr(self, name) for name in ("split", "family", "sex", "age")}
        return Record(**self.key, modality=modality, **facts, geometry=geometry)


def read_manifest(manifest_tsv: Path, modalities: tuple[str, ...]) -> list[SessionRow]:
    """The sessions of a shard, in the order of its manifest."""
    return [SessionRow.of(row, modalities) for row in read_tsv(manifest_tsv, numeric=("age",)).to_dict("records")]

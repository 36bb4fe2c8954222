"""The shard store: named arrays with one row per image, in one HDF5 file that can be read row by row.

Volumes, reconstructions, latents and segmentations all pass between stages in this form. Arrays that are read
often are laid out contiguously, so that one volume, or one slice of any plane, is a memory map and costs only the
pages it touches; arrays that are read once (masks, label maps) are compressed row by row.
"""

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from pydantic import TypeAdapter

from neuroquant.store import trust

FORMAT = "neuroquant-arrays-2"


@dataclass(frozen=True)
class Geometry:
    """How a volume was cut out of its scan, and all that is needed to put it back.

    Attributes
    ----------
    affine : 4 x 4 nested tuples
        Voxel-to-world matrix (mm, RAS+) of the scan after reorientation to RAS+.
    shape : (int, int, int)
        Shape of the scan after reorientation to RAS+.
    source_affine, source_shape
        The same of the file as it was found.
    start : (int, int, int)
        Voxel of the RAS+ scan that lies at index (0, 0, 0) of the volume; negative where padding comes first.
    intensity : (float, float)
        Scan intensities that became the lower and upper end of the volume's range.
    moved : 4 x 4 nested tuples, or None
        Where the volume's grid isn't just the file's turned to RAS+ (the scan was resampled, or registered): the
        transform (mm) from its space to the file's. None where it is.
    """

    affine: tuple[tuple[float, ...], ...]
    shape: tuple[int, int, int]
    source_affine: tuple[tuple[float, ...], ...]
    source_shape: tuple[int, int, int]
    start: tuple[int, int, int]
    intensity: tuple[float, float]
    moved: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True)
class Record:
    """Whose image a row is. `sex` is "F" or "M", `age` in years (nan where unknown)."""

    cohort: str
    subject: str
    session: str
    modality: str
    split: str
    family: str
    sex: str
    age: float
    geometry: Geometry | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Cohort, subject, session and modality: unique over an experiment."""
        return (self.cohort, self.subject, self.session, self.modality)

    @property
    def kin(self) -> str:
        """The family; a subject whose family isn't known is one of their own, as in `tables.family_of`."""
        return self.family or self.subject

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary, JSON-ready."""
        return dataclasses.asdict(self)


RECORDS = TypeAdapter(tuple[Record, ...])
"""Reads records from JSON, each value checked against its type."""


class ArrayFile:
    """Read access to one shard. Cheap to open; safe to share between processes once opened in each.

    Parameters
    ----------
    path : path of a file written by `ArrayWriter`.

    Raises
    ------
    InputError
        If the file is missing, truncated, locked, not in this format, or has values that lie in another file.

    Examples
    --------
    >>> record = Record("study", "sub-01", "1", "T1w", "test", "", "F", 20.0)
    >>> with ArrayWriter("test-000.h5", [record]) as writer:
    ...     writer.create("image", (4, 4, 4), np.float16)
    ...     writer.write("image", 0, np.ones((4, 4, 4)))
    >>> shard = ArrayFile("test-000.h5")
    >>> shard.records[0].subject, shard.view("image").shape
    ('sub-01', (1, 4, 4, 4))
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        try:
            with h5py.File(self.path, "r") as file:
                if (found := trust.text_of(file, "format")) != FORMAT:
                    raise trust.Untrue(f"format {found!r}")
                self.attributes: dict[str, Any] = dict(json.loads(trust.text_of(file, "attributes")))
                self.records: tuple[Record, ...] = RECORDS.validate_json(trust.text_of(file, "records"))
                for record in self.records:
                    if record.geometry is not None:
                        trust.check_geometry(vars(record.geometry))
                self._layout = trust.layout_of(trust.own(file, "arrays"), len(self.records))
        except trust.READING as error:
            raise trust.not_readable(self.path, error, FORMAT) from None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays in this file."""
        return tuple(self._layout)

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def sessions(self) -> dict[tuple[str, str, str], dict[str, int]]:
        """(cohort, subject, session) -> {modality: row}."""
        rows: dict[tuple[str, str, str], dict[str, int]] = {}
        for row, record in enumerate(self.records):
            rows.setdefault(record.key[:3], {})[record.modality] = row
        return rows

    def view(self, name: str) -> np.ndarray:
        """Memory map of a contiguous array, shape (rows, ...); index it to read only what is needed."""
        shape, dtype, offset = self._layout[name]
        if offset is None:
            if 0 in shape:
                return np.empty(shape, dtype)
            raise TypeError(f"array {name!r} of {self.path} is compressed: read it row by row")
        try:
            return np.memmap(self.path, mode="r", dtype=dtype, shape=shape, offset=offset)
        except trust.READING as error:
            raise trust.not_readable(self.path, error, FORMAT) from None

    def read(self, name: str, row: int) -> np.ndarray:
        """One row of an array, shape (...), in memory."""
        if self._layout[name][2] is not None:
            return np.array(self.view(name)[row])
        try:
            with h5py.File(self.path, "r") as file:
                return file["arrays"][name][row]
        except trust.READING as error:
            raise trust.not_readable(self.path, error, FORMAT) from None


class ArrayWriter:
    """Writes one shard, whole or not at all; use it inside `neuroquant.files.written_whole`.

    Parameters
    ----------
    path : where to write.
    records : one `Record` a row, in row order.
    attributes : JSON-ready facts about the whole file (value range, model, ...).
    """

    def __init__(self, path: Path | str, records: list[Record], attributes: dict[str, Any] | None = None):
        self._rows = len(records)
        self._file = h5py.File(path, "w", libver="latest")
        self._attributes = dict(attributes or {})
        self._write_text("format", FORMAT)
        self._write_text("records", json.dumps([record.to_json() for record in records], sort_keys=True))
        self._arrays = self._file.create_group("arrays")

    def create(self, name: str, shape: tuple[int, ...], dtype: Any, compress: bool = False) -> None:
        """Make room for `name`: one array of `shape` and `dtype` a row."""
        full = (self._rows, *shape)
        if compress and self._rows:
            self._arrays.create_dataset(name, full, dtype, chunks=(1, *shape), compression="gzip", compression_opts=1)
        else:
            space = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            space.set_layout(h5py.h5d.CONTIGUOUS)
            space.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            space.set_obj_track_times(False)  # or the same content would give other bytes a second later
            h5py.h5d.create(
                self._arrays.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype)), h5py.h5s.create_simple(full), space
            )

    def note(self, **facts: Any) -> None:
        """Add to the attributes what is only known in the end."""
        self._attributes |= facts

    def write(self, name: str, row: int, array: np.ndarray) -> None:
        """Fill one row of `name`."""
        self._arrays[name][row] = array

    def __enter__(self) -> "ArrayWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self._write_text("attributes", json.dumps(self._attributes, sort_keys=True))
            self._file.flush()  # raises where a disk is full; closing alone would swallow it
        self._file.close()

    def _write_text(self, name: str, text: str) -> None:
        """Keep a text as a row of bytes; `trust.text_of` says why."""
        self._file[name] = np.frombuffer(text.encode(), np.uint8)

"""Which rows of a shard of volumes a model's files have; without PyTorch, which not all that read them need."""

from pathlib import Path

from neuroquant.errors import InputError
from neuroquant.store.arrays import ArrayFile

MODALITIES = "modalities"
"""Attribute of files that a model made: the modalities that it takes. Images of others have no row in them."""


def rows_for(volumes: ArrayFile, modalities: tuple[str, ...] | list[str] | None) -> list[int]:
    """Rows of a shard of volumes whose images have one of the modalities; all rows where None."""
    return [row for row, record in enumerate(volumes.records) if modalities is None or record.modality in modalities]


def matching(path: Path, volumes: ArrayFile) -> tuple[ArrayFile, list[int]]:
    """A file that a model made of a shard of volumes, and which row of the volumes each of its rows belongs to.

    Raises
    ------
    InputError
        If it has other rows than the volumes of the modalities that the model takes.
    """
    file = ArrayFile(path)
    rows = rows_for(volumes, file.attributes.get(MODALITIES))
    if file.records != tuple(volumes.records[row] for row in rows):
        raise InputError(str(path), "other rows than the volumes", f"the rows of {volumes.path}", "rerun `reconstruct`")
    return file, rows

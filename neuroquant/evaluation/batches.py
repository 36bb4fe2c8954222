"""A shard's volumes as a frozen model takes them, and which rows of a shard a model's files have."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neuroquant.errors import InputError
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.store.arrays import ArrayFile

TOGETHER = 2
"""Volumes a call. On CPUs PyTorch takes a slow way through small convolutions of a single one."""
MODALITIES = "modalities"
"""Attribute of files that a model made: the modalities that it takes. Images of others have no row in them."""


def rows_for(volumes: ArrayFile, modalities: tuple[str, ...] | list[str] | None) -> list[int]:
    """Rows of a shard of volumes whose images have one of the modalities; all rows where None."""
    return [row for row, record in enumerate(volumes.records) if modalities is None or record.modality in modalities]


def batches(
    volumes: ArrayFile, rows: list[int], model: Autoencoder, device: str
) -> Iterator[tuple[range, Tensor, Tensor]]:
    """Positions among `rows`, their images (B, 1, D, H, W) in float32 and modalities (B,), in order.

    Parameters
    ----------
    rows : of a shard of volumes, each of a modality that the model takes.
    """
    images = volumes.view("image")
    for first in range(0, len(rows), TOGETHER):
        positions = range(first, min(first + TOGETHER, len(rows)))
        chosen = [rows[position] for position in positions]
        x = torch.from_numpy(np.stack([images[row] for row in chosen]))[:, None].to(device).float()
        modality = [model.modalities.index(volumes.records[row].modality) for row in chosen]
        yield positions, x, torch.tensor(modality, device=device)


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

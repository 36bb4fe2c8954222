"""A shard's volumes as a frozen model takes them."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from neuroquant.models.autoencoder import Autoencoder
from neuroquant.store.arrays import ArrayFile

TOGETHER = 2
"""Volumes a call. On CPUs PyTorch takes a slow way through small convolutions of a single one."""


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

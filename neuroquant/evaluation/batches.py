"""A shard's volumes as a frozen model takes them."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from neuroquant.models.autoencoder import MODALITIES
from neuroquant.store.arrays import ArrayFile

TOGETHER = 2
"""Volumes a call. On CPUs PyTorch takes a slow way through small convolutions of a single one."""


def batches(volumes: ArrayFile, device: str) -> Iterator[tuple[range, Tensor, Tensor]]:
    """Rows, their images (B, 1, D, H, W) in float32 and modalities (B,), in the order of the shard."""
    images = volumes.view("image")
    for first in range(0, len(volumes), TOGETHER):
        rows = range(first, min(first + TOGETHER, len(volumes)))
        x = torch.from_numpy(np.array(images[rows.start : rows.stop]))[:, None].to(device).float()
        modality = [MODALITIES.index(volumes.records[row].modality) for row in rows]
        yield rows, x, torch.tensor(modality, device=device)

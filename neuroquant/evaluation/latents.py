"""Latents of shards, ready for any downstream model."""

from pathlib import Path

import torch
from torch import Tensor

from neuroquant.config.model import ModelRow
from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.batches import batches
from neuroquant.files import written_whole
from neuroquant.model_facts import weights_hash
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.store.arrays import ArrayFile, ArrayWriter


@torch.inference_mode()
def export_latents(model_folder: Path, volumes_h5: list[Path], out_h5: list[Path], device: str, threads: int) -> None:
    """Encode every row of some shards of volumes and write all latents, one file a shard; the model is loaded once."""
    use_threads(threads)
    device = resolve_device(device)
    model, row, _ = load_model(model_folder, device)
    weights = weights_hash(model_folder)
    for shard, out in zip(volumes_h5, out_h5, strict=True):
        volumes = ArrayFile(shard)
        with written_whole(out) as scratch, latent_writer(scratch, volumes, model, row, weights) as writer:
            for rows, x, modality in batches(volumes, device):
                write_latents(writer, rows, model, model.encode(x, modality))


def latent_writer(path: Path, volumes: ArrayFile, model: Autoencoder, row: ModelRow, weights: str) -> ArrayWriter:
    """A file of latents with the records of the volumes.

    Attributes: model; weights, the SHA-256 of its weights; probe_latent, which a probe reads; supports_swap, whether
    the model tells anatomy from appearance; and, written with the first latents, quantised: whether it gives them
    codes.
    """
    attributes = {
        "model": row.name,
        "weights": weights,
        "probe_latent": row.latent or model.probe_latent,
        "supports_swap": model.supports_swap,
    }
    return ArrayWriter(path, list(volumes.records), attributes)


def write_latents(writer: ArrayWriter, rows: range, model: Autoencoder, latents: dict[str, Tensor]) -> None:
    """Write latents (B, C, d, h, w) of some rows: continuous ones as float16, code indices as int32.

    A model gives every row the same latents; the first rows say which.
    """
    if rows.start == 0:
        writer.note(quantised=model.codes(latents) is not None)
    for name, latent in latents.items():
        array = latent.cpu()
        array = array.half().numpy() if array.is_floating_point() else array.int().numpy()
        if rows.start == 0:
            writer.create(name, array.shape[1:], array.dtype)
        for row, values in zip(rows, array, strict=True):
            writer.write(name, row, values)

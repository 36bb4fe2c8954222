"""Reconstructions of one shard by one model."""

import time
from pathlib import Path

import numpy as np
import torch

from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.batches import batches
from neuroquant.evaluation.latents import latent_writer, write_latents
from neuroquant.files import written_whole
from neuroquant.model_folder import load_model
from neuroquant.volumes.store import ArrayFile, ArrayWriter


@torch.inference_mode()
def reconstruct_shard(
    model_folder: Path, volumes_h5: Path, out_h5: Path, latents_h5: Path, device: str, threads: int
) -> None:
    """Encode and decode every row of a shard of volumes; no volume is encoded twice, so the latents are kept too.

    Writes `image` (float16, clamped to [-1, 1]) with the records of the volumes; attributes: model, factor,
    kbit_per_volume, parameters, and encode_s and decode_s, the mean seconds a volume took. Beside it the latents, as
    `export_latents` does.
    """
    use_threads(threads)
    device = resolve_device(device)
    model, row, volume = load_model(model_folder, device)
    volumes = ArrayFile(volumes_h5)
    kbit = model.bits(volume.shape) / 1000
    size = sum(parameter.numel() for parameter in model.parameters())
    attributes = {"model": row.name, "factor": model.factor, "kbit_per_volume": kbit, "parameters": size}
    spent = {"encode_s": 0.0, "decode_s": 0.0}
    with (
        written_whole(out_h5) as image_scratch,
        written_whole(latents_h5) as latent_scratch,
        ArrayWriter(image_scratch, list(volumes.records), attributes) as images,
        latent_writer(latent_scratch, volumes, model, row) as latents,
    ):
        images.create("image", volume.shape, np.float16)
        for rows, x, modality in batches(volumes, device):
            begin = now(device)
            found = model.encode(x, modality)
            between = now(device)
            depth, height, width = volume.shape  # a latent's grid may reach beyond the volume
            x_hat = model.decode(found, modality)[:, :, :depth, :height, :width].clamp(-1, 1)
            spent["encode_s"] += between - begin
            spent["decode_s"] += now(device) - between
            write_latents(latents, rows, found)
            for index, image in zip(rows, x_hat[:, 0].cpu().half().numpy(), strict=True):
                images.write("image", index, image)
        images.note(**{name: seconds / max(len(volumes), 1) for name, seconds in spent.items()})


def now(device: str) -> float:
    """Seconds of a clock, when all that was asked of the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()

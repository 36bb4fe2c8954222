"""Latents of one shard, ready for any downstream model."""

from pathlib import Path

import torch

from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.batches import batches
from neuroquant.files import written_whole
from neuroquant.model_folder import load_model
from neuroquant.volumes.store import ArrayFile, ArrayWriter


@torch.inference_mode()
def export_latents(model_folder: Path, volumes_h5: Path, out_h5: Path, device: str, threads: int) -> None:
    """Write every latent of every row: continuous ones (C, d, h, w) as float16, code indices as int32.

    Attributes: model, and probe_latent, the one that a probe reads unless told otherwise.
    """
    use_threads(threads)
    device = resolve_device(device)
    model, row, _ = load_model(model_folder, device)
    volumes = ArrayFile(volumes_h5)
    attributes = {"model": row.name, "probe_latent": row.latent or model.probe_latent}
    with written_whole(out_h5) as scratch, ArrayWriter(scratch, list(volumes.records), attributes) as writer:
        for rows, x, modality in batches(volumes, device):
            for name, latent in model.encode(x, modality).items():
                array = latent.cpu()
                array = array.half().numpy() if array.is_floating_point() else array.int().numpy()
                # a latent that only one row has would leave holes: models give every row the same latents
                if rows.start == 0:
                    writer.create(name, array.shape[1:], array.dtype)
                for index, values in zip(rows, array, strict=True):
                    writer.write(name, index, values)

"""Reconstructions of one shard by one model."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.batches import batches
from neuroquant.evaluation.codes import Counter
from neuroquant.evaluation.latents import latent_writer, write_latents
from neuroquant.evaluation.synthesis import typical_appearances, write_synthesis
from neuroquant.files import written_whole
from neuroquant.model_facts import weights_hash
from neuroquant.model_folder import load_model
from neuroquant.store.arrays import ArrayFile, ArrayWriter


@dataclass(frozen=True)
class Outputs:
    """Where the reconstructions of a shard go, and what comes of them on the way.

    Attributes
    ----------
    reconstructions, latents : shards.
    synthesis, codes : tables of `synthesis` and `codes`; without rows where a model has none.
    """

    reconstructions: Path
    latents: Path
    synthesis: Path
    codes: Path


@torch.inference_mode()
def reconstruct_shard(
    model_folder: Path,
    volumes_h5: Path,
    training: list[Path],
    out: Outputs,
    synthesis_window: int | None,
    device: str,
    threads: int,
) -> None:
    """Encode and decode every row of a shard of volumes; no volume is encoded twice, so the latents are kept too.

    Writes `image` (float16, clamped to [-1, 1]) with the records of the volumes; attributes: model, factor,
    kbit_per_volume, parameters, and encode_s and decode_s, the mean seconds a volume took. Beside it the latents, as
    `export_latents` does; scores of cross-modal synthesis, where the model can; and which codes were used, where it
    has any.

    Parameters
    ----------
    training : latents of training subjects, which say how a modality looks for the most part.
    synthesis_window : SSIM's window in voxels; None: no synthesis.
    """
    use_threads(threads)
    device = resolve_device(device)
    model, row, volume = load_model(model_folder, device)
    volumes = ArrayFile(volumes_h5)
    kbit = model.bits(volume.shape) / 1000
    size = sum(parameter.numel() for parameter in model.parameters())
    attributes = {"model": row.name, "factor": model.factor, "kbit_per_volume": kbit, "parameters": size}
    spent, codes, kept = {"encode_s": 0.0, "decode_s": 0.0}, Counter(model), {}
    swaps = model.supports_swap and synthesis_window is not None
    with (
        written_whole(out.reconstructions) as image_scratch,
        written_whole(out.latents) as latent_scratch,
        ArrayWriter(image_scratch, list(volumes.records), attributes) as images,
        latent_writer(latent_scratch, volumes, model, row, weights_hash(model_folder)) as latents,
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
            write_latents(latents, rows, model, found)
            codes.count(found, modality)
            for place, (index, image) in enumerate(zip(rows, x_hat[:, 0].cpu().half().numpy(), strict=True)):
                images.write("image", index, image)
                if swaps:
                    kept[index] = {name: latent[place : place + 1] for name, latent in found.items()}
        images.note(**{name: seconds / max(len(volumes), 1) for name, seconds in spent.items()})
    codes.write(volumes.records[0].cohort if len(volumes) else "", row.name, out.codes)
    typical = typical_appearances(model, training, device) if kept else {}
    write_synthesis(model, row.name, kept, volumes, typical, synthesis_window or 1, out.synthesis)


def now(device: str) -> float:
    """Seconds of a clock, when all that was asked of the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()

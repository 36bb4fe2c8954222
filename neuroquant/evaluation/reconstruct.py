"""Reconstructions of one shard by one model."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from neuroquant.config.model import ModelEntry
from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.batches import batches
from neuroquant.evaluation.codes import Counter
from neuroquant.evaluation.coding import Coder
from neuroquant.evaluation.fidelity import Scoring
from neuroquant.evaluation.latents import latent_writer, note_uses, write_latents
from neuroquant.evaluation.rows import MODALITIES, rows_for
from neuroquant.evaluation.synthesis import Synthesis, typical_appearances, write_synthesis
from neuroquant.files import written_whole
from neuroquant.model_facts import require_same_voxels, trained_voxel_mm, weights_hash
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import Autoencoder, Swaps
from neuroquant.models.latents import Latents
from neuroquant.store.arrays import ArrayFile, ArrayWriter
from neuroquant.tables import SYNTHESISED

Result = TypeVar("Result")


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


@dataclass(frozen=True)
class Inputs:
    """What is reconstructed, and by which model.

    Attributes
    ----------
    model : its folder
    volumes : a shard
    training : latents of training subjects, which say how a modality looks for the most part, and how often a code is
    validation : shards of volumes, on which the rounding of continuous latents is judged
    """

    model: Path
    volumes: Path
    training: list[Path]
    validation: list[Path] = field(default_factory=list)


@torch.inference_mode()
def reconstruct_shard(inputs: Inputs, out: Outputs, synthesis: Scoring | None, device: str, threads: int) -> None:
    """Encode and decode every row of a shard of volumes; no volume is encoded twice, so the latents are kept too.

    Writes `image` (float16, clamped to [-1, 1]) with the records of the volumes, and `SYNTHESISED` images where the
    model makes any; attributes are those of `facts_of`, what `coding.Coder` says of coded bits, and encode_s and
    decode_s, the mean seconds per volume. Beside it the latents, as `export_latents` does; scores of cross-modal
    synthesis, where the model can; and which codes were used, where it has any. Images of a modality that the model
    doesn't take are left out.

    Parameters
    ----------
    synthesis : what synthesised images are scored by; None: no synthesis.
    """
    use_threads(threads)
    device = resolve_device(device)
    model, entry, volume = load_model(inputs.model, device)
    volumes = ArrayFile(inputs.volumes)
    if entry.group == "trained_elsewhere" and not entry.training.phases:
        trained, here = trained_voxel_mm(inputs.model), volumes.attributes.get("voxel_mm")
        require_same_voxels(f"model {entry.name} on {inputs.volumes}", trained, here)
    rows = rows_for(volumes, model.modalities)
    records = [volumes.records[index] for index in rows]
    weights = weights_hash(inputs.model)
    attributes = facts_of(model, entry, volume.shape) | {"weights": weights}
    codes, kept = Counter(model), {}
    coder = Coder(model, volume.shape, inputs.training, inputs.validation, device) if rows else None
    swaps = isinstance(model, Swaps) and synthesis is not None
    with (
        written_whole(out.reconstructions) as image_scratch,
        written_whole(out.latents) as latent_scratch,
        ArrayWriter(image_scratch, records, attributes) as images,
        latent_writer(latent_scratch, records, model, entry, weights) as latents,
    ):
        images.create("image", volume.shape, np.float16)
        clock = Clock(device)
        for positions, x, modality in batches(volumes, rows, model, device):
            encoded = clock.time("encode_s", lambda x=x, m=modality: model.encode(x, m))
            x_hat = clock.time("decode_s", lambda z=encoded, m=modality: decoded(model, z, m, volume.shape))
            indices = model.codes(encoded)
            write_latents(latents, positions, encoded, indices is not None)
            codes.count(indices, modality)
            coder.count(encoded, indices)
            for number, (position, image) in enumerate(zip(positions, x_hat[:, 0].cpu().half().numpy(), strict=True)):
                images.write("image", position, image)
                if swaps:
                    kept[rows[position]] = encoded.each(lambda tensor, n=number: tensor[n : n + 1])
        note_uses(latents, codes)
        images.note(**(coder.facts() if coder else {}))
        images.note(**{name: seconds / max(len(rows), 1) for name, seconds in clock.spent.items()})
        typical = typical_appearances(model, inputs.training, device) if kept else {}
        scoring = synthesis or Scoring.of_synthesis(1)  # nothing is scored by it
        task = Synthesis(model, entry.name, typical, scoring)
        write_synthesis(task, kept, volumes, out.synthesis, keep=keeper(images, rows, volume.shape) if kept else None)
    codes.write(volumes.records[0].cohort if len(volumes) else "", entry.name, out.codes)


def facts_of(model: Autoencoder, entry: ModelEntry, shape: tuple[int, int, int]) -> dict[str, object]:
    """Attributes of a file of reconstructions that follow from the model alone."""
    return {
        "model": entry.name,
        MODALITIES: list(model.modalities),
        "factor": model.factor,
        "kbit_per_volume": model.bits(shape) / 1000,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


def keeper(images: ArrayWriter, rows: list[int], shape: tuple[int, int, int]) -> Callable[[int, np.ndarray], None]:
    """A function that writes the `SYNTHESISED` image of a row of the volumes.

    Parameters
    ----------
    rows : of the volumes, in the order of the file's own.
    """
    images.create(SYNTHESISED, shape, np.uint8, compress=True)
    places = {row: position for position, row in enumerate(rows)}
    return lambda row, image: images.write(SYNTHESISED, places[row], image)


def decoded(model: Autoencoder, latents: Latents, modality: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Reconstructions (B, 1, D, H, W) in [-1, 1] of the volumes' `shape`, beyond which a latent's grid may reach."""
    depth, height, width = shape
    return model.decode(latents, modality)[:, :, :depth, :height, :width].clamp(-1, 1)


class Clock:
    """Seconds that a device spends on named pieces of work."""

    def __init__(self, device: str):
        self.device, self.spent = device, {"encode_s": 0.0, "decode_s": 0.0}

    def time(self, name: str, work: Callable[[], Result]) -> Result:
        """The result of `work`, its seconds added to those of `name`."""
        begin = now(self.device)
        result = work()
        self.spent[name] += now(self.device) - begin
        return result


def now(device: str) -> float:
    """Seconds of a clock, when all that was asked of the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()

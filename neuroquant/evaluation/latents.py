"""Latents of shards, ready for any downstream model."""

from pathlib import Path

import torch

from neuroquant.config.model import ModelEntry
from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.batches import batches
from neuroquant.evaluation.codes import Counter
from neuroquant.evaluation.rows import MODALITIES, rows_for
from neuroquant.files import written_whole
from neuroquant.model_facts import weights_hash
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import Autoencoder, Swaps
from neuroquant.models.latents import Latents
from neuroquant.store.arrays import ArrayFile, ArrayWriter, Record

CODE_COUNTS = "code_counts"
"""Attribute of a file of latents: how often each code occurs in it, (codebooks, K); None without codes."""


@torch.inference_mode()
def export_latents(model_folder: Path, volumes_h5: list[Path], out_h5: list[Path], device: str, threads: int) -> None:
    """Encode every row of some shards of volumes and write all latents, one file per shard; the model is loaded once.

    Images of a modality that the model doesn't take are left out.
    """
    use_threads(threads)
    device = resolve_device(device)
    model, entry, _ = load_model(model_folder, device)
    weights = weights_hash(model_folder)
    for shard, out in zip(volumes_h5, out_h5, strict=True):
        volumes = ArrayFile(shard)
        rows = rows_for(volumes, model.modalities)
        records = [volumes.records[index] for index in rows]
        used = Counter(model)
        with written_whole(out) as scratch, latent_writer(scratch, records, model, entry, weights) as writer:
            for positions, x, modality in batches(volumes, rows, model, device):
                latents = model.encode(x, modality)
                codes = model.codes(latents)
                write_latents(writer, positions, latents, codes is not None)
                used.count(codes, modality)
            note_uses(writer, used)


def latent_writer(
    path: Path, records: list[Record], model: Autoencoder, entry: ModelEntry, weights: str
) -> ArrayWriter:
    """A file of latents with the records of the volumes.

    Attributes: model; modalities, which it takes; weights, the SHA-256 of its weights; probe_latent, which a probe
    reads; supports_swap, whether the model tells anatomy from appearance, and anatomy and appearance, the latents that
    should hold only the one or the other; parts, the latents of each part that a probe can be given; and, written with
    the first latents, codes: the array of indices of codes, empty where the model has none or doesn't quantise yet.
    """
    attributes = {
        "model": entry.name,
        MODALITIES: list(model.modalities),
        "weights": weights,
        "probe_latent": entry.latent or model.probe_latent,
        "supports_swap": isinstance(model, Swaps),
        "anatomy": list(model.latents_class.ANATOMY),
        "appearance": list(model.latents_class.APPEARANCE),
        "parts": {part: list(names) for part, names in model.latents_class.PARTS.items()},
    }
    return ArrayWriter(path, records, attributes)


def note_uses(writer: ArrayWriter, used: Counter) -> None:
    """Write how often each code occurs in all rows, as `CODE_COUNTS` says."""
    uses = used.total()
    writer.note(**{CODE_COUNTS: None if uses is None else uses.tolist()})


def write_latents(writer: ArrayWriter, rows: range, latents: Latents, quantised: bool) -> None:
    """Write latents of some rows: continuous ones as float16, code indices as int32.

    A model gives every row the same latents; the first rows say which.

    Parameters
    ----------
    quantised : whether the model gives their codes.
    """
    if rows.start == 0:
        writer.note(codes=latents.CODES if quantised else "")
    for name, latent in latents.arrays().items():
        array = latent.cpu()
        array = array.half().numpy() if array.is_floating_point() else array.int().numpy()
        if rows.start == 0:
            writer.create(name, array.shape[1:], array.dtype)
        for row, values in zip(rows, array, strict=True):
            writer.write(name, row, values)

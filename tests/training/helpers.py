"""Tiny volumes on disk, and a tiny training on them."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from neuroquant import models
from neuroquant.config.model import ModelEntry, Phase, Training
from neuroquant.config.volume import Volume
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.batch import Batch
from neuroquant.store.arrays import ArrayWriter, Geometry, Record
from neuroquant.training import run
from neuroquant.training.data import Loader, Sessions
from neuroquant.training.job_file import JobFile

EYE = tuple(map(tuple, np.eye(4).tolist()))
SHAPE = (16, 16, 16)
PARAMETERS = {
    "channels": (4, 8, 8, 8),
    "attention_blocks": (4,),
    "codebook_size": 12,
    "code_dim": 6,
    "c_m": 4,
    "c_s": 4,
    "film_hidden": 8,
    "classifier_hidden": 12,
    "start_after": 2,
}
SD_VAE = {"block_out_channels": (4, 4, 4, 4), "layers_per_block": 1, "norm_num_groups": 2}
PHASES = (Phase(steps=6, batch=2, lr=1e-3, lr_end=1e-4), Phase(mode="2d", steps=5, batch=3, lr=1e-4, lr_end=1e-4))
STEPS = 11
BALL = 0.35
"""Radius of what T2w alone shows; the volume's half side is 1."""

torch.set_num_threads(1)


def write_volumes(
    path: Path, split: str = "train", subjects: int = 4, seed: int = 0, only_t1: int = 0, families: int = 0
) -> Path:
    """A shard of smooth blobs; the last `only_t1` subjects have no T2w; with `families` each belongs to one of so many.

    T2w is inverted T1w and a bright ball somewhere in the blob, which T1w doesn't show: neither follows from the other.
    """
    generator, elsewhere = np.random.default_rng(seed), np.random.default_rng((seed, 1))
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    records, images, masks = [], [], []
    for subject in range(subjects):
        centre = generator.uniform(-0.2, 0.2, 3)
        radius = np.sqrt(((grid - centre[:, None, None, None]) ** 2).sum(0))
        mask = radius < 0.8
        away = np.sqrt(((grid - (centre + elsewhere.uniform(-0.5, 0.5, 3))[:, None, None, None]) ** 2).sum(0))
        for modality, value in (("T1w", 1 - 2 * radius), ("T2w", np.where(away < BALL, 1, 2 * radius - 1))):
            if modality == "T2w" and subject >= subjects - only_t1:
                continue
            sex = "FM"[subject % 2]
            geometry = Geometry(EYE, SHAPE, EYE, SHAPE, (0, 0, 0), (0.0, 100.0))
            family = f"f{subject % families}" if families else ""
            records.append(Record("c", f"s{split}{subject}", "1", modality, split, family, sex, 20.0, geometry))
            images.append(np.where(mask, np.clip(value, -0.95, 1), -1))
            masks.append(mask)
    attributes = {"range": [-1, 1], "has_labels": [False] * len(records), "voxel_mm": 1.0}
    with ArrayWriter(path, records, attributes) as writer:
        writer.create("image", SHAPE, np.float16)
        writer.create("mask", SHAPE, np.uint8, compress=True)
        for row, (image, mask) in enumerate(zip(images, masks, strict=True)):
            writer.write("image", row, image)
            writer.write("mask", row, mask)
    return path


def write_sessions(path: Path, sessions: list[tuple[str, ...]], split: str = "train") -> Path:
    """A shard with a subject for each entry, which names the modalities of their images; every image is noise."""
    generator = np.random.default_rng(len(sessions))
    geometry = Geometry(EYE, SHAPE, EYE, SHAPE, (0, 0, 0), (0.0, 100.0))
    records = [
        Record("c", f"s{split}{subject}", "1", modality, split, "", "FM"[subject % 2], 20.0, geometry)
        for subject, modalities in enumerate(sessions)
        for modality in modalities
    ]
    attributes = {"range": [-1, 1], "has_labels": [False] * len(records), "voxel_mm": 1.0}
    with ArrayWriter(path, records, attributes) as writer:
        writer.create("image", SHAPE, np.float16)
        writer.create("mask", SHAPE, np.uint8, compress=True)
        for row in range(len(records)):
            writer.write("image", row, generator.uniform(-1, 1, SHAPE))
            writer.write("mask", row, np.ones(SHAPE))
    return path


def make_entry(**changes) -> ModelEntry:
    """NeuroQuant in small: six steps on volumes, five on slices."""
    schedule = Training(phases=PHASES, log_every=2, checkpoint_every=3, val_sessions=1)
    return ModelEntry(
        **{"name": "model", "architecture": "neuroquant", "parameters": PARAMETERS, "training": schedule, **changes}
    )


def awake(**changes) -> Autoencoder:
    """NeuroQuant in small as a training leaves it: FiLM, residual branches and codebook at work, not at their start."""
    torch.manual_seed(0)
    model = models.build("neuroquant", {**PARAMETERS, "start_after": 0, **changes}).train()
    for parameter in model.parameters():
        if parameter.ndim < 2:  # norms near 1, biases near 0
            parameter.data += 0.2 * torch.randn_like(parameter)
        else:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="linear")
    return model


def job_of(entry: ModelEntry, shards: list[Path], folder: Path, val: tuple[Path, ...] = ()) -> JobFile:
    """A training of volumes of `SHAPE` on the CPU, with everything it writes below `folder`."""
    return JobFile(
        model=entry,
        volume=Volume(shape=SHAPE),
        train_shards=tuple(shards),
        val_shards=tuple(val),
        folder=folder / "model",
        checkpoints=folder / "checkpoints",
        pictures=folder / "progress",
        device="cpu",
    )


def train(
    folder: Path, shard: Path, val: tuple[Path, ...] = (), entry: ModelEntry | None = None
) -> dict[str, torch.Tensor]:
    """Train in `folder` and return the weights."""
    run.train(job_of(entry or make_entry(), [shard], folder, val))
    return load_file(folder / "model" / "model.safetensors")


def batches(shard: Path, mode: str, plane_axis: int | None = None, size: int = 3) -> list[Batch]:
    """Nine batches of a phase."""
    with Loader(Sessions([shard]), Phase(mode=mode, steps=9, batch=size), 0, 0, plane_axis) as loader:
        return [loader.batch(step) for step in range(9)]

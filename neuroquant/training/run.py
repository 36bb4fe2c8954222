"""Train one row of the benchmark, from shards to a model folder."""

import hashlib
import platform
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import neuroquant
from neuroquant import models
from neuroquant.config.model import ModelRow, Training
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.model_folder import resolve_device, save_model
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.similarity import psnr
from neuroquant.training import checkpoint
from neuroquant.training.data import Batch, Loader, Sessions
from neuroquant.training.objective import losses, total
from neuroquant.training.progress import Progress
from neuroquant.training.schedule import learning_rate, place, total_steps


class Interrupted(InputError):
    """Training was asked to stop; its state is saved."""


def train(
    row: ModelRow,
    volume: Volume,
    train_shards: list[Path],
    val_shards: list[Path],
    folder: Path,
    checkpoints: Path,
    device: str,
    threads: int,
    provenance: dict[str, Any],
) -> None:
    """Train `row` and write its model folder; go on from the newest checkpoint where there is one.

    The weights of the last step are kept: nothing is selected. The validation sessions are only watched.

    Parameters
    ----------
    train_shards, val_shards : volume shards of all cohorts.
    folder : receives model.safetensors, config.json, training.tsv and provenance.json.
    checkpoints : where the state is kept between runs; never deleted by a failing job.
    device : "auto", "cpu" or "cuda".
    provenance : facts that go into provenance.json beside those that training knows itself.

    Raises
    ------
    InputError
        If there is nothing to train on or the loss diverges.
    Interrupted
        On SIGTERM or SIGINT, after the step is finished and saved.
    """
    torch.set_num_threads(threads)
    device = resolve_device(device)
    if device == "cuda":
        check_convolutions()
    torch.manual_seed(row.training.seed)
    model = models.build(row.architecture, row.parameters).to(device).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1.0, weight_decay=row.training.weight_decay, fused=device == "cuda"
    )
    sessions, watched = Sessions(train_shards), Sessions(val_shards)
    description = {
        "row": row.model_dump(mode="json"),
        "volume": volume.model_dump(mode="json"),
        "inputs": [file_hash(path) for path in sorted(train_shards)],
    }
    begin = time.monotonic()
    done, rows = checkpoint.resume(checkpoints, model, optimizer, description)
    progress = Progress(row.name, total_steps(row.training.phases), rows, done)
    with interruptible() as stop:
        loop(model, optimizer, row, sessions, watched, device, done, progress, checkpoints, description, stop)
    progress.write(folder / "training.tsv")
    facts = describe(model, device, begin, done, progress.total, len(sessions))
    save_model(folder, model, row, volume, facts | provenance)


def loop(
    model: Autoencoder,
    optimizer: torch.optim.Optimizer,
    row: ModelRow,
    sessions: Sessions,
    watched: Sessions,
    device: str,
    done: int,
    progress: Progress,
    checkpoints: Path,
    description: dict[str, Any],
    stop: list[int],
) -> None:
    """All steps from `done` to the end of the schedule."""
    training, current, loader = row.training, None, None
    for step in range(done, progress.total):
        number, inner = place(training.phases, step)
        phase = training.phases[number]
        if number != current:
            if loader is not None:
                loader.close()
            current, loader = number, Loader(sessions, phase, number, training.seed, model.plane_axis)
        lr = learning_rate(phase, inner)
        progress.add(train_step(model, optimizer, loader.batch(inner).to(device), row, lr, device))
        last = step + 1 == progress.total
        saving = last or stop or (step + 1) % training.checkpoint_every == 0
        if saving or (step + 1) % training.log_every == 0:
            extra = codebook_facts(model)
            if saving:
                extra |= validate(model, watched, training.val_sessions, device)
            progress.row(step + 1, phase.mode, lr, extra)
        if saving:
            checkpoint.save(checkpoints, step + 1, model, optimizer, description, progress.rows)
        if stop and not last:
            raise Interrupted(
                f"training of {row.name}",
                f"signal {signal.Signals(stop[0]).name} at step {step + 1}",
                "time to finish",
                f"give the same command again: it goes on from {checkpoints}",
            )
    if loader is not None:
        loader.close()


def train_step(
    model: Autoencoder, optimizer: torch.optim.Optimizer, batch: Batch, row: ModelRow, lr: float, device: str
) -> dict[str, Tensor]:
    """One optimizer step; returns the terms of its loss, still on the device."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad(set_to_none=True)
    with autocast(row.training, device):
        terms = losses(model, batch, row.objective)
    total(terms).backward()
    if row.training.grad_clip:
        torch.nn.utils.clip_grad_norm_(model.parameters(), row.training.grad_clip)
    optimizer.step()
    if model.quantizer is not None and batch.plane is None:
        model.quantizer.update()
    return terms


def autocast(training: Training, device: str) -> Any:
    """Bfloat16 on a GPU where it is asked for; float32 otherwise."""
    if device == "cuda" and training.precision == "bf16":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


@torch.no_grad()
def validate(model: Autoencoder, watched: Sessions, limit: int, device: str) -> dict[str, float]:
    """Mean PSNR of the first validation sessions, in dB; nothing where there are none."""
    if not len(watched):
        return {}
    model.eval()
    values = []
    for index in range(min(limit, len(watched))):
        batch = watched.volumes([index]).to(device)
        reconstruction = model.decode(model.encode(batch.x, batch.modality), batch.modality).clamp(-1, 1)
        values.append(psnr(batch.x, reconstruction))
    model.train()
    return {"val_psnr": float(torch.cat(values).mean())}


def codebook_facts(model: Autoencoder) -> dict[str, float]:
    """Share of codes that the last step used, and their perplexity."""
    if model.quantizer is None:
        return {}
    return {"usage": float(model.quantizer.usage), "perplexity": float(model.quantizer.perplexity)}


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """A list that receives a signal's number when SIGTERM or SIGINT comes, instead of an exception in mid-step."""
    received: list[int] = []

    def remember(number: int, frame: object) -> None:
        received.append(number)

    before = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_convolutions() -> None:
    """Compare conv3d in bfloat16 with float32 on the GPU: some cuDNN releases compute it wrongly.

    Raises
    ------
    InputError
        If the two differ by more than bfloat16's rounding explains.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 32, 16, 16, 16, generator=generator).cuda()
    weight = torch.randn(32, 32, 3, 3, 3, generator=generator).cuda() / 30
    exact = torch.nn.functional.conv3d(x, weight, padding=1)
    rounded = torch.nn.functional.conv3d(x.bfloat16(), weight.bfloat16(), padding=1).float()
    error = float((exact - rounded).norm() / exact.norm())
    if error > 0.02:
        raise InputError(
            "cuDNN",
            f"version {torch.backends.cudnn.version()}: conv3d in bf16 is off by {error:.0%}",
            "an error below 2 %",
            "install a torch whose cuDNN is sound (2.10 or newer), or set training.precision: fp32",
        )


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(model: Autoencoder, device: str, begin: float, done: int, steps: int, sessions: int) -> dict[str, Any]:
    """What provenance.json says of a training run; no subject and no path."""
    return {
        "neuroquant": neuroquant.__version__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": steps,
        "resumed_at_step": done,
        "sessions": sessions,
        "seconds": round(time.monotonic() - begin, 1),
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in ("torch", "numpy", "safetensors", "h5py")},
    }

"""The loop: all phases, step by step, with a log, checkpoints and a clean stop when asked for one."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuroquant.config.model import ModelEntry, Training
from neuroquant.errors import InputError
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.batch import Batch
from neuroquant.models.losses import total
from neuroquant.similarity import psnr
from neuroquant.training.data import Loader, Sessions, hash_seed
from neuroquant.training.distributed import ALONE, World
from neuroquant.training.progress import Progress
from neuroquant.training.schedule import learning_rate
from neuroquant.training.watch import Watch


class Interrupted(InputError):
    """Training was asked to stop; its state is saved."""


@dataclass
class Job:
    """What trains, and on what.

    Attributes
    ----------
    sessions, watched : of the training and of the validation split
    device : "cpu" or "cuda"
    keep : saves a checkpoint after the step that it is given
    watch : receives the log's rows and pictures
    world : the processes that train together
    """

    entry: ModelEntry
    model: Autoencoder
    optimizer: torch.optim.Optimizer
    sessions: Sessions
    watched: Sessions
    device: str
    keep: Callable[[int], None]
    watch: Watch
    world: World = ALONE


def loop(job: Job, done: int, progress: Progress, stop: list[int]) -> None:
    """All steps from `done` to the end of the schedule.

    Parameters
    ----------
    stop : receives the number of a signal that asks to stop.

    Raises
    ------
    Interrupted
        After the step in which `stop` was filled, in any of the processes, its state saved.
    """
    training, world, first, volumes = job.entry.training, job.world, 0, 0
    starts = job.model.start_after or 0
    for number, phase in enumerate(training.phases):
        # the codebook starts after so many steps on volumes, in whichever phase they are reached
        restart = starts - volumes if phase.mode == "3d" and starts > volumes else None
        volumes += phase.steps if phase.mode == "3d" else 0
        begin = max(done - first, 0)
        entry = job.entry if phase.critic else without_critic(job.entry)
        if begin < phase.steps:
            progress.enter(number, phase.mode, len(training.phases), phase.steps - begin, first + begin)
            pin, plane_axis = job.device == "cuda", job.model.plane_axis
            with Loader(job.sessions, phase, number, training.seed, plane_axis, pin, world) as loader:
                for inner in range(begin, phase.steps):
                    lr = learning_rate(phase, inner, restart)
                    batch = loader.batch(inner).to(job.device)
                    step = first + inner + 1
                    if world.size > 1:  # other noise in each process, where a model draws some; repeated on resuming
                        torch.manual_seed(hash_seed(training.seed, step, world.rank))
                    how = How(job.device, phase.accumulate, world)
                    progress.add(step, *train_step(job.model, job.optimizer, batch, entry, lr, how))
                    settle(job, step, lr, progress, stop)
        first += phase.steps


def without_critic(entry: ModelEntry) -> ModelEntry:
    """The model as long as its critic doesn't take part."""
    return entry.model_copy(update={"objective": entry.objective.model_copy(update={"critic": 0.0})})


@dataclass(frozen=True)
class How:
    """How a step is computed; its result is the same up to rounding.

    Attributes
    ----------
    device : "cpu" or "cuda"
    accumulate : pieces that a batch is cut into, each with a forward and a backward pass of its own
    world : the processes that share the step
    """

    device: str = "cpu"
    accumulate: int = 1
    world: World = ALONE


def train_step(
    model: Autoencoder,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    entry: ModelEntry,
    lr: float,
    how: How,
) -> tuple[dict[str, Tensor], Tensor]:
    """One optimizer step; returns the terms of its loss and the gradient's norm, both still on the device.

    Parameters
    ----------
    batch : this process's share of the step's sessions.
    """
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad(set_to_none=True)
    terms: dict[str, Tensor] = {}
    for piece in batch.split(how.accumulate):
        with autocast(entry.training, how.device):
            terms_of_piece = model.losses(piece, entry.objective)
        total(terms_of_piece).backward()
        terms = {
            name: terms[name] + value.detach() if terms else value.detach() for name, value in terms_of_piece.items()
        }
    terms = how.world.sum_terms(terms)
    how.world.sum_gradients(model.parameters())
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), entry.training.grad_clip or float("inf"))
    optimizer.step()
    model.after_step(batch.plane)
    return terms, norm


def autocast(training: Training, device: str) -> Any:
    """Bfloat16 on a GPU where it is asked for; float32 otherwise."""
    if device == "cuda" and training.precision == "bf16":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def settle(job: Job, step: int, lr: float, progress: Progress, stop: list[int]) -> None:
    """What is due after a step: a row of the log, scores, a checkpoint, the end."""
    training, last = job.entry.training, step == progress.total
    asked = 0 if last else job.world.most(stop[0] if stop else 0)
    scoring = last or step % training.checkpoint_every == 0
    if last or step % training.pictures_every == 0:
        job.watch.picture(step, job.model, job.watched if len(job.watched) else job.sessions, job.device)
        progress.pause_over()
    if not (scoring or asked or step % training.log_every == 0 or progress.ends_phase(step)):
        return
    facts = job.model.facts()
    if scoring:
        facts |= validate(job.model, job.watched, training.val_sessions, job.device, job.world)
    job.watch.row(progress.row(step, lr, facts))  # this and the next raise before a diverged state is saved
    job.model.check_log(f"training of {job.entry.name}", progress.rows)
    if scoring or asked:
        job.keep(step)
    progress.pause_over()
    if asked:
        raise Interrupted(
            f"training of {job.entry.name}",
            f"signal {signal.Signals(asked).name} at step {step} of {progress.total}",
            "time to finish",
            "give the same command again: it goes on from this step",
        )


@torch.no_grad()
def validate(model: Autoencoder, watched: Sessions, limit: int, device: str, world: World = ALONE) -> dict[str, float]:
    """Mean PSNR of the first validation sessions, in dB; nothing where there are none. Processes take turns."""
    if not len(watched):
        return {}
    model.eval()
    values = []
    for index in range(world.rank, min(limit, len(watched)), world.size):
        batch = watched.volumes([index]).to(device)
        depth, height, width = batch.x.shape[2:]  # slice-wise models pad sides that they don't divide
        whole = model.decode(model.encode(batch.x, batch.modality), batch.modality)
        reconstruction = whole[:, :, :depth, :height, :width].clamp(-1, 1)
        values += psnr(batch.x, reconstruction).tolist()
    model.train()
    summed, count = world.sum_numbers(sum(values), len(values))
    return {"val_psnr": summed / count}


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

"""Train one model of the benchmark, from shards to a model folder."""

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import neuroquant
from neuroquant import models
from neuroquant.config.model import ModelEntry, ModelFolder, require_codebook_starts
from neuroquant.config.volume import Volume
from neuroquant.device import resolve_device, use_threads
from neuroquant.errors import InputError
from neuroquant.model_folder import on_grid, save_model
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.training import checkpoint
from neuroquant.training.cudnn import check_convolutions
from neuroquant.training.data import Sessions, voxels_seen
from neuroquant.training.distributed import ALONE, World
from neuroquant.training.fit import fitted, is_fitted
from neuroquant.training.identity import identity, voxel_side
from neuroquant.training.job_file import JobFile
from neuroquant.training.judges import Judges
from neuroquant.training.judges import provenance as judges_provenance
from neuroquant.training.loop import Job, interruptible, loop
from neuroquant.training.optimizer import Together, build_optimizer
from neuroquant.training.progress import Progress
from neuroquant.training.schedule import total_steps
from neuroquant.training.watch import Watch
from neuroquant.weights.begin import begin_from
from neuroquant.weights.put import load_published

PREPARED = 64
"""Training sessions that a model may look at before its first step."""


@dataclass(frozen=True)
class Prepared:
    """A training that may begin.

    Attributes
    ----------
    job : what is trained, on what, and where its results go
    model : freshly initialised, with the authors' weights, or as its folder has it
    sessions, watched : of the training and of the validation split
    device : "cpu" or "cuda"
    world : the processes that train together
    provenance : facts for provenance.json beside those that come of the training
    """

    job: JobFile
    model: Autoencoder
    sessions: Sessions
    watched: Sessions
    device: str
    world: World
    provenance: dict[str, Any]


def train(job: JobFile, world: World = ALONE) -> None:
    """Train a model and write its model folder; go on from the newest checkpoint where there is one.

    The weights of the last step are kept: nothing is selected. The validation sessions are only watched.

    Parameters
    ----------
    world : the processes that train together, as `distributed.joined` gives them; the leading one alone writes.

    Raises
    ------
    InputError
        If there is nothing to train on, a batch can't be dealt out evenly, a crop doesn't fit the network, the codebook
        would never start, the loss diverges, or the codebook dies.
    loop.Interrupted
        On SIGTERM or SIGINT, after the step is finished and saved.
    """
    use_threads(job.threads)
    entry, device = job.model, resolve_device(job.device)
    sessions, watched = (Sessions(list(shards), entry.suffixes) for shards in (job.train_shards, job.val_shards))
    if entry.training.phases or is_fitted(entry, job.volume):
        require_sessions(entry, sessions)
    world.require_equal_shares(entry.name, entry.training.phases)
    if device == "cuda" and entry.training.precision == "bf16":
        check_convolutions(device)
    torch.manual_seed(entry.training.seed)
    provenance = job.provenance | {"voxel_mm": voxel_side(list(job.train_shards))}
    if isinstance(entry.weights, ModelFolder):
        model, entry, began = begin_from(entry, provenance["voxel_mm"])
        job, provenance = job.model_copy(update={"model": entry}), provenance | began
    else:
        model = models.build(entry.architecture, entry.parameters, entry.suffixes)
        provenance |= load_published(entry, model) if entry.weights else {}
    prepared = Prepared(job, model, sessions, watched, device, world, provenance)
    if entry.training.phases:
        train_by_gradients(prepared)
    else:
        entry, facts = fitted(entry, job.volume, model, sessions, list(job.train_shards))
        save_untrained(job.folder, model, entry, job.volume, facts | provenance)


def train_by_gradients(prepared: Prepared) -> None:
    """All phases of the schedule, and the model folder in the end; as `train`."""
    job, world, device = prepared.job, prepared.world, prepared.device
    entry = job.model
    require_fitting_pieces(entry, prepared.model.factor)
    require_codebook_starts(f"training of {entry.name}", entry.training.phases, prepared.model.start_after)
    model, optimizer = set_up(entry, prepared.model, device)
    made_of = identity(entry, job.volume, list(job.train_shards))
    done, progress = begin(prepared, optimizer, made_of)
    world.share_state(model)
    watch = Watch(job.pictures if world.leads else None, done)

    def keep(step: int) -> None:
        if world.leads:
            checkpoint.save(job.checkpoints, step, model, optimizer, made_of, progress.rows)

    with interruptible() as stop:
        loop(
            Job(entry, model, optimizer, prepared.sessions, prepared.watched, device, keep, watch, world),
            done, progress, stop,
        )  # fmt: skip
    watch.close()
    progress.write()
    facts = describe(model, job.volume, device, progress) | {
        "sessions": len(prepared.sessions),
        "voxels_seen": voxels_seen(prepared.sessions, entry.training.phases, entry.training.seed, model.plane_axis),
        "processes": world.size,
        "resumed_at_step": done,
        "training_data": made_of["data"],
        "code": made_of["code"],
    }
    model.judges = None
    if world.leads:
        save_model(
            job.folder, model, entry, job.volume, facts | judges_provenance(entry.objective) | prepared.provenance
        )


def set_up(
    entry: ModelEntry, model: Autoencoder, device: str
) -> tuple[Autoencoder, "torch.optim.Optimizer | Together"]:
    """The model on its device with its judges, in training mode, and its optimizer."""
    if entry.objective.critic or entry.objective.perceptual.weight:
        model.judges = Judges(entry.objective, f"model {entry.name}")
    model = model.to(device).train()
    optimizer = build_optimizer(model, entry.training)
    model.recompute(entry.training.recompute)
    model.compile_units(entry.training.compile)
    return model, optimizer


def begin(
    prepared: Prepared, optimizer: "torch.optim.Optimizer | Together", made_of: dict[str, Any]
) -> tuple[int, Progress]:
    """Take up the newest checkpoint, or prepare the model for its first step; steps done, and the log so far.

    Parameters
    ----------
    made_of : the training's identity.
    """
    job, model, sessions, world = prepared.job, prepared.model, prepared.sessions, prepared.world
    entry, steps = job.model, total_steps(job.model.training.phases)
    if world.leads:
        done, rows = checkpoint.resume(job.checkpoints, model, optimizer, made_of, steps)
        if not done and entry.weights is None:
            model.prepare(
                sessions.volumes([index]).x.float() for index in sessions.order(entry.training.seed, 0, PREPARED)
            )
        progress = Progress(entry.name, steps, rows, job.folder / "training.tsv")
        world.most(done)
        return done, progress
    done = world.most(0)
    rows = checkpoint.load(job.checkpoints, done, model, optimizer)
    return done, Progress(entry.name, steps, rows, None, show=lambda line: None)


def save_untrained(
    folder: Path, model: Autoencoder, entry: ModelEntry, volume: Volume, provenance: dict[str, Any]
) -> None:
    """Write the folder of a model of which nothing is trained.

    Raises
    ------
    InputError
        If it has parameters that nobody gave values.
    """
    if entry.weights is None and any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError(
            f"model {entry.name}: training.phases", "none, and no weights", "a schedule, or weights to begin with",
            "leave `phases` out, or name the authors' file under `weights`",
        )  # fmt: skip
    progress = Progress(entry.name, 0, [], folder / "training.tsv")
    progress.write()
    facts = describe(on_grid(model, entry, volume), volume, "cpu", progress)
    save_model(folder, model, entry, volume, facts | provenance)


def require_sessions(entry: ModelEntry, sessions: Sessions) -> None:
    """Refuse to train on nothing.

    Raises
    ------
    InputError
        If there is no session.
    """
    if not len(sessions):
        raise InputError(
            f"training of {entry.name}",
            "no session in any training shard",
            "at least one",
            "look at cohorts/*/excluded.tsv and cohorts/*/split_proof.tsv for where they went",
        )


def require_fitting_pieces(entry: ModelEntry, factor: int) -> None:
    """Refuse pieces of volumes that the network can't halve evenly, before the first of them is read.

    Raises
    ------
    InputError
        If a side of a phase's `crop` isn't a multiple of the model's factor.
    """
    for number, phase in enumerate(entry.training.phases):
        if any(side % factor for side in phase.crop):
            raise InputError(
                f"training of {entry.name}: training.phases[{number}].crop", str(list(phase.crop)),
                f"sides that are multiples of {factor}, by which this model divides them", "correct the sides",
            )  # fmt: skip


def describe(model: Autoencoder, volume: Volume, device: str, progress: Progress) -> dict[str, Any]:
    """What provenance.json says of a model and its training; no subject and no path."""
    return {
        "neuroquant": neuroquant.__version__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "factor": model.factor,
        "kbit_per_volume": model.bits(volume.shape) / 1000,
        "steps": progress.total,
        "seconds": round(progress.seconds(), 1),
        "weights": "of the last step; none were selected" if progress.total else "not trained here",
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
        "threads": torch.get_num_threads(),
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in ("torch", "numpy", "safetensors", "h5py")},
    }

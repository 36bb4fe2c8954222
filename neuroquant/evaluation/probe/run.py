"""Sex, or another target, from frozen latents: MONAI's SEResNet trained on them, and a linear probe beside it (section
4.1).

Weights are chosen on validation subjects; the test shards are opened once, after that.
"""

import math
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from neuroquant.config.evaluation import Probe
from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.probe import finished
from neuroquant.evaluation.probe.linear import fit_linear, fit_numbers, pooled
from neuroquant.evaluation.probe.network import Learning, Predict, Scale, fit, network_for, permuted, predictor
from neuroquant.evaluation.probe.samples import Sample, load, modalities_of, room_for, standardiser
from neuroquant.evaluation.probe.targets import Aim, Number, Sex, Target
from neuroquant.files import write_tsv
from neuroquant.tables import IMAGE_KEY, PREDICTIONS, TARGET_PREDICTIONS

PERMUTED = "seresnet_permuted"
LOG = ["model", "modality", "probe", "array", "seed", "epoch", "train_loss", "val_balanced_accuracy", "val_loss"]
TARGET_LOG = ["target", "part", *LOG[:-1], "val_r2", LOG[-1]]
"""The log of probes beside those of Table 2: `val_r2` is empty for classes, `val_balanced_accuracy` for numbers."""


@dataclass(frozen=True)
class Shards:
    """Shards of latents, or of volumes, of one cohort.

    Attributes
    ----------
    array : the array that is read; empty: what the shards name as `probe_latent`.
    """

    train: list[Path]
    val: list[Path]
    test: list[Path]
    array: str = ""


@dataclass(frozen=True)
class Task:
    """What is probed.

    Attributes
    ----------
    model : name of the model
    settings : of the probe
    checkpoints : folder for the networks of a job that takes long, which a job that was killed takes up; gone in the
        end.
    code : hash of the code that trains; networks of other code are not taken up
    device : "auto", "cpu" or "cuda"
    threads : of the CPU
    aim : what is predicted, and from which part of the latents
    memory_mb : of the job, for settings that leave the size of volumes to it; a GPU's own counts where there is one
    """

    model: str
    settings: Probe
    checkpoints: Path
    code: str = ""
    device: str = "auto"
    threads: int = 1
    aim: Aim = Aim()  # noqa: RUF009
    memory_mb: float = math.inf

    def ready(self) -> "Task":
        """The same on a device that there is, with the room that it has."""
        device, memory = resolve_device(self.device), self.memory_mb
        if device == "cuda":
            memory = torch.cuda.get_device_properties(0).total_memory / 2**20
        return replace(self, device=device, aim=replace(self.aim, room=room_for(self.settings.batch, memory)))


@dataclass(frozen=True)
class Outputs:
    """Where the results of a job go: tables, the curve with a row for each epoch."""

    predictions: Path
    curve: Path


@dataclass(frozen=True)
class Fitted:
    """A probe that has learned: of which modality, which kind, its seed, the function that predicts, and what."""

    modality: str
    probe: str
    seed: int
    predict: Predict
    target: Target


def probed(
    shards: Mapping[str, Mapping[str, Mapping[str, Path]]],
    arrays: Mapping[str, str],
    checkpoints: Mapping[str, Path],
    **common: Any,
) -> list[tuple[Shards, Task]]:
    """What a job probes, one model after another.

    Parameters
    ----------
    shards : model -> split -> shard -> file of latents, or of volumes.
    arrays : model -> `Shards.array`.
    checkpoints : model -> `Task.checkpoints`.
    **common : what the tasks of all models have alike, as `Task` names it.
    """
    return [
        (
            Shards(**{split: list(paths.values()) for split, paths in splits.items()}, array=arrays[model]),
            Task(model=model, checkpoints=checkpoints[model], **common),
        )
        for model, splits in shards.items()
    ]


def run_probes(probed: Iterable[tuple[Shards, Task]], out: Outputs) -> None:
    """Train the probes of some models on one cohort, one model after another, and write their predictions.

    All aim at one target: the tables are those of sex, or of the others.

    Notes
    -----
    Where the training subjects are all of one sex, or a model gives no latents, nothing can be learned: the tables
    have no row of it, and the log says why.
    """
    rows: list[dict[str, Any]] = []
    log: list[dict[str, Any]] = []
    kept: list[Path] = []
    of_sex = True
    for shards, task in probed:
        predicted, epochs = probe_model(shards, task)
        rows += predicted
        log += epochs
        kept.append(task.checkpoints)
        of_sex = isinstance(task.aim.target, Sex)
    write_tsv(pd.DataFrame(rows, columns=PREDICTIONS if of_sex else TARGET_PREDICTIONS), out.predictions)
    write_tsv(pd.DataFrame(log, columns=LOG if of_sex else TARGET_LOG), out.curve)
    for folder in kept:
        shutil.rmtree(folder, ignore_errors=True)


def probe_model(shards: Shards, task: Task) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Predictions of one model's probes on the test subjects, and what each epoch of the networks came to."""
    use_threads(task.threads)
    task = task.ready()
    keeper = finished.Keeper(task.checkpoints)
    fitted: list[Fitted] = []
    log: list[dict[str, Any]] = []
    for modality in modalities_of([*shards.train, *shards.val]):
        probes, epochs = fit_modality(shards, task, modality, keeper)
        fitted += probes
        log += epochs
    rows: list[dict[str, Any]] = []
    chosen = dict.fromkeys(probe.modality for probe in fitted)
    tests = {modality: load(shards.test, shards.array, modality, task.settings, task.aim) for modality in chosen}
    for probe in fitted:
        sample = tests[probe.modality]
        if sample is not None:
            sample = replace(sample, target=probe.target)
            rows += predictions(sample, probe, task)
    return rows, log


def fit_modality(
    shards: Shards, task: Task, modality: str, keeper: finished.Keeper
) -> tuple[list[Fitted], list[dict[str, Any]]]:
    """All probes of one modality, and what each epoch of the networks came to; none where nothing can be learned."""
    settings, aim = task.settings, task.aim
    train = load(shards.train, shards.array, modality, settings, aim)
    reason = why_not(train)
    if train is None or reason:
        print(f"{task.model} {modality}: not probed, {reason}", file=sys.stderr)
        return [], []
    target = aim.target.fitted(train.y)
    train = replace(train, target=target)
    val = load(shards.val, shards.array, modality, settings, replace(aim, target=target))
    learning = Learning(train, val, standardiser(train, settings.batch))
    fitted = [Fitted(modality, *line, target) for line in linear_probes(train, learning.scale, settings)]
    log: list[dict[str, Any]] = []
    named = {"target": target.name, "part": aim.part} if aim.known is not None else {}
    made_of = finished.identity({"train": shards.train, "val": shards.val}, [train, val], settings, task.code)
    for probe, seed in networks(settings):
        name = f"{modality}-{probe}-{seed}"
        trained = keeper.take_up(name, partial(network_for, train.channels, settings, target.outputs), made_of)
        if trained is None:
            source = learning.shuffled(seed) if probe == PERMUTED else learning
            trained = fit(source, settings, seed, task.device, f"{task.model} {modality} {probe} seed {seed}")
            keeper.keep(name, trained, made_of)
        network, epochs = trained
        facts = {"model": task.model, "modality": modality, "probe": probe, "array": train.array, "seed": seed}
        log += [named | facts | epoch for epoch in epochs]
        predict = predictor(network.to(task.device), learning.scale, task.device, settings.batch)
        fitted.append(Fitted(modality, probe, seed, predict, target))
    return fitted, log


def networks(settings: Probe) -> list[tuple[str, int]]:
    """Probe and seed of every network: one a seed, and one that learns shuffled values."""
    return [("seresnet", seed) for seed in settings.seeds] + [(PERMUTED, settings.seeds[0])] * settings.permuted


def linear_probes(train: Sample, scale: Scale, settings: Probe) -> list[tuple[str, int, Predict]]:
    """The linear probe, and one of shuffled values a seed, as (probe, seed, function)."""

    def features(sample: Sample) -> np.ndarray:
        collected, first = None, 0
        for x in sample.batches(settings.batch):
            part = pooled(scale(x))
            if collected is None:  # in one piece: many small ones among batches that come and go would keep their room
                collected = np.empty((len(sample.rows), part.shape[1]), part.dtype)
            collected[first : first + len(part)] = part
            first += len(part)
        return collected

    shuffled = [permuted(train, seed) for seed in settings.seeds]
    seeds = [seed for seed, values in zip(settings.seeds, shuffled, strict=True) if len(values.unique()) > 1]
    shuffled = [values for values in shuffled if len(values.unique()) > 1]
    fit_lines = fit_numbers if isinstance(train.target, Number) else fit_linear
    line, *lines = fit_lines(features(train), train.y, train.families, *shuffled)
    named = [
        ("linear", 0, line),
        *(("linear_permuted", seed, one) for seed, one in zip(seeds, lines, strict=True)),
    ]
    seen = [np.unique(values.numpy()) for values in (train.y, *shuffled)]
    return [
        (probe, seed, lambda sample, one=one, there=there: train.target.of_line(one(features(sample)), there))
        for (probe, seed, one), there in zip(named, seen, strict=True)
    ]


def why_not(train: Sample | None) -> str:
    """Why nothing can be learned from a sample; empty where something can."""
    if train is None:
        return "no training session has this modality and a known value, or the model gives no such latents"
    return train.target.why_not(train.y)


def predictions(sample: Sample, fitted: Fitted, task: Task) -> list[dict[str, Any]]:
    """One row a test session."""
    rows, target, values = [], fitted.target, fitted.predict(sample)
    what = {"model": task.model, "probe": fitted.probe, "array": sample.array, "seed": fitted.seed}
    for record, y, value in zip(sample.records, sample.y.tolist(), values, strict=True):
        facts = {name: getattr(record, name) for name in (*IMAGE_KEY, "sex")}
        if task.aim.known is not None:
            facts |= {"target": target.name, "part": task.aim.part, "truth": target.truth(y)}
        rows.append(facts | what | target.row(value))
    return rows

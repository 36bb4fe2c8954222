"""How well anatomy and appearance are kept apart, measured on the latents of test subjects.

Two questions, of every model that tells the two apart (`Swaps`):

`accuracy`
    How often does a fresh classifier guess the modality from a latent? Folds keep families whole, and all images of a
    session are in one fold, so that chance is one in as many as there are modalities (`classes`): the goal for latents
    of the anatomy, while those of the appearance should reveal it.
`same_code`, `code_overlap`
    How many codes do two modalities of a session share, position by position and as sets? Where few codes are used, or
    all brains look alike, any two images share many. So the same is measured between subjects, within one modality, and
    the difference says what is shared beyond that. A mean over pairs of modalities, and each pair where there are
    several.

Only sessions with all modalities that the cohort has count.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.model_selection import GroupKFold
from torch import Tensor, nn

from neuroquant.config.evaluation import Statistics
from neuroquant.device import use_threads
from neuroquant.evaluation.batches import MODALITIES, matching
from neuroquant.evaluation.probe.linear import GRID, fit_linear, pooled
from neuroquant.evaluation.shared_codes import code_overlap, same_code, shared
from neuroquant.files import write_tsv
from neuroquant.statistics.intervals import Interval, cluster_bootstrap
from neuroquant.store.arrays import ArrayFile

COLUMNS = [
    "cohort", "model", "measure", "of", "role", "by", "classes", "value", "ci_low", "ci_high", "sessions", "families",
]  # fmt: skip
FOLDS = 5
WIDTH, STEPS, EPOCHS, BATCH, RATE = 8, 40, 3, 16, 2e-2
"""The convolutional classifier: channels, its least steps and passes over the images, images per step, AdamW's first
learning rate. Few channels and steps, for the demo's sake: what takes longer to learn isn't found."""
INSIDE = 0.5
"""Share of the voxels under a position of the latents that must lie in the brain for its code to count."""

Guess = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the positions of training and of test rows to the probability of each modality for the latter, (N, m)."""
ROLES = ("anatomy", "appearance")
"""Attributes of files of latents: the names of those that should hold only the one or the other."""


@dataclass(frozen=True)
class Complete:
    """Latents of N sessions, each with an image of all m modalities.

    Attributes
    ----------
    modalities : (m,), in the order of a session's images.
    latents : name -> m N arrays (C, d, h, w): all images of the first session, then of the second, and so on.
    roles : name of a latent -> "anatomy" or "appearance".
    clusters : (N,), the family, or the subject where no family is known, of each session.
    codes : (N, m, codebooks, d, h, w), or None where the model has none.
    inside : (N, d, h, w), positions that lie in the brain; None without codes.
    """

    modalities: tuple[str, ...]
    latents: dict[str, list[np.ndarray]]
    roles: dict[str, str]
    clusters: np.ndarray
    codes: np.ndarray | None = None
    inside: np.ndarray | None = None


def write_disentanglement(
    volumes: list[Path], latents: dict[str, list[Path]], settings: Statistics, out: Path, threads: int
) -> None:
    """Write all measures of the models of one cohort; no row of a model that doesn't tell anatomy from appearance.

    Parameters
    ----------
    volumes : the cohort's shards of test volumes.
    latents : model -> its shards of latents, in the same order.
    out : columns `COLUMNS`. A model that lacks a latent or codes lacks the rows of those.
    """
    use_threads(threads)
    rows = []
    for model, paths in latents.items():
        sessions, cohort = read_complete(volumes, paths)
        if sessions is not None:
            rows += [{"cohort": cohort, "model": model, **row} for row in measures(sessions, settings)]
    write_tsv(pd.DataFrame(rows, columns=COLUMNS), out)


def read_complete(volumes: list[Path], latents: list[Path]) -> tuple[Complete | None, str]:
    """What is measured of a model, and the cohort's name.

    None where the model doesn't tell anatomy from appearance, the cohort has images of one modality alone, or fewer
    than two families have all of its modalities.
    """
    files = [matching(path, ArrayFile(shard)) for shard, path in zip(volumes, latents, strict=True)]
    modalities = common_order([file for file, _ in files])
    if len(modalities) < 2 or not all(file.attributes.get("supports_swap") for file, _ in files):
        return None, ""
    roles: dict[str, str] = {}
    kept: dict[str, list[np.ndarray]] = {}
    clusters, codes, inside, cohort = [], [], [], ""
    for shard, (file, rows_of_volumes) in zip(volumes, files, strict=True):
        named = {name: role for role in ROLES for name in file.attributes.get(role, ()) if name in file.names}
        array_of_codes = file.attributes.get("codes")
        for rows in file.sessions.values():
            if not all(name in rows for name in modalities):
                continue
            images, roles = [rows[name] for name in modalities], named
            record = file.records[images[0]]
            cohort = record.cohort
            clusters.append(record.family or record.subject)
            for name in named:
                kept.setdefault(name, []).extend(np.asarray(file.view(name))[images])
            if array_of_codes in file.names:
                codes.append([file.read(array_of_codes, row) for row in images])
                inside.append(in_brain(shard, rows_of_volumes[images[0]], codes[-1][0].shape[1:]))
    if len(set(clusters)) < 2:
        return None, cohort
    both = (np.array(codes), np.array(inside)) if codes else (None, None)
    return Complete(tuple(modalities), kept, roles, np.array(clusters), *both), cohort


def common_order(files: list[ArrayFile]) -> list[str]:
    """Modalities of which there is an image, in the order of the model's own where its files state it."""
    there = [record.modality for file in files for record in file.records]
    stated = [name for file in files for name in file.attributes.get(MODALITIES, ())]
    return [name for name in dict.fromkeys([*stated, *there]) if name in there]


@lru_cache(maxsize=65_536)
def in_brain(shard: Path, row: int, grid: tuple[int, int, int]) -> np.ndarray:
    """Positions of a grid (d, h, w) over a volume of which at least the share `INSIDE` lies in the brain's mask."""
    return cells_in_brain(ArrayFile(shard).read("mask", row), grid)


def cells_in_brain(mask: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """The same of a mask (D, H, W)."""
    share = F.adaptive_avg_pool3d(torch.from_numpy(mask > 0).float()[None], grid)[0]
    return (share >= INSIDE).numpy()


def measures(sessions: Complete, settings: Statistics) -> Iterator[dict[str, Any]]:
    """Every measure that the model's latents allow, each a row of the table without cohort and model."""
    count = len(sessions.modalities)
    y = torch.arange(count).repeat(len(sessions.clusters))
    each = np.repeat(sessions.clusters, count)
    for name, latents in sessions.latents.items():
        for classifier, fit in CLASSIFIERS.items():
            right = guessed_right(fit(latents, y, each), y, each)
            interval = cluster_bootstrap(right, each, settings)
            facts = {"measure": "accuracy", "of": name, "role": sessions.roles[name], "by": classifier}
            yield facts | {"classes": count} | _values(interval, len(sessions.clusters))
    if sessions.codes is None or sessions.inside is None:
        return
    kept = sessions.inside.any((1, 2, 3))
    if len(set(sessions.clusters[kept])) < 2:
        return
    pairs = list(itertools.combinations(range(count), 2))
    chosen = {"": range(count)}
    if len(pairs) > 1:
        chosen |= {f"{sessions.modalities[a]} and {sessions.modalities[b]}": (a, b) for a, b in pairs}
    for by, kinds in chosen.items():
        for measure, compare in (("same_code", same_code), ("code_overlap", code_overlap)):
            shares = compare(sessions.codes[kept][:, list(kinds)], sessions.inside[kept])
            for of, interval in shared(shares, sessions.clusters[kept], settings).items():
                yield {"measure": measure, "of": of, "by": by} | _values(interval, int(kept.sum()))


def _values(found: Interval, sessions: int) -> dict[str, Any]:
    values = {"value": found.value, "ci_low": found.low, "ci_high": found.high}
    return values | {"sessions": sessions, "families": found.n_clusters}


def guessed_right(guess: Guess, y: Tensor, clusters: np.ndarray) -> np.ndarray:
    """Whether the modality of each row (N,) is guessed by a classifier that hasn't seen its family.

    A tie of k modalities, the right one among them, counts 1/k.

    Parameters
    ----------
    y : (N,), index of the modality.
    clusters : (N,), at least two of them.
    """
    truth, right = y.numpy(), np.zeros(len(y))
    for train, test in GroupKFold(min(FOLDS, len(set(clusters)))).split(truth, truth, clusters):
        probability = guess(train, test)
        best = probability == probability.max(1, keepdims=True)
        right[test] = best[np.arange(len(test)), truth[test]] / best.sum(1)
    return right


def by_line(latents: list[np.ndarray], y: Tensor, clusters: np.ndarray) -> Guess:
    """Logistic regression on pooled latents: the linear probe that reads sex elsewhere."""
    features = np.concatenate([pooled(x) for x in batches(latents)])

    def guess(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        (line,) = fit_linear(features[train], y[train], clusters[train], search=False)
        return line(features[test])

    return guess


def by_network(latents: list[np.ndarray], y: Tensor, clusters: np.ndarray) -> Guess:
    """A small convolutional network, which also finds what isn't in the means of latents."""
    values = torch.cat([thinned(x) for x in batches(latents)])

    def guess(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        network = fitted_network(values[train], y[train])
        return torch.cat([probabilities(network(part)) for part in values[test].split(BATCH)]).numpy()

    return guess


CLASSIFIERS: dict[str, Callable[[list[np.ndarray], Tensor, np.ndarray], Guess]] = {
    "logistic regression": by_line,
    "convolutional network": by_network,
}
"""From the latents (C, d, h, w) of all images, their modalities (N,) and whose they are (N,)."""


def batches(latents: list[np.ndarray]) -> Iterator[Tensor]:
    """Latents (B, C, d, h, w) in float32, `BATCH` at a time: they may be memory maps."""
    for first in range(0, len(latents), BATCH):
        yield torch.from_numpy(np.stack(latents[first : first + BATCH])).float()


def thinned(x: Tensor) -> Tensor:
    """Every n-th position of latents (B, C, d, h, w), so that at most `linear_probe.GRID` are left.

    For the demo's sake, and for memory. Positions are left as they are, since a mean would hide how they vary.
    """
    steps = (-(-side // limit) for side, limit in zip(x.shape[2:], GRID, strict=True))
    return x[(..., *(slice(None, None, step) for step in steps))].clone()


def probabilities(logits: Tensor) -> Tensor:
    """Logits (B, m), or (B, 1) of the second of two classes, to the probability of every class, (B, m)."""
    if logits.shape[1] > 1:
        return logits.softmax(1)
    second = logits.sigmoid()
    return torch.cat([1 - second, second], 1)


class Classifier(nn.Sequential):
    """A small convolutional network; two classes need one logit.

    Parameters
    ----------
    channels : of the latents.
    classes : how many there are.
    """

    def __init__(self, channels: int, classes: int):
        super().__init__(
            nn.Conv3d(channels, WIDTH, 1),
            nn.SiLU(),
            nn.Conv3d(WIDTH, WIDTH, 3, padding=1),
            nn.SiLU(),
            nn.AdaptiveAvgPool3d(1),
            nn.Flatten(),
            nn.Linear(WIDTH, 1 if classes == 2 else classes),
        )

    @staticmethod
    def loss(logits: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy of logits (B, m or 1) for classes y (B,)."""
        if logits.shape[1] > 1:
            return F.cross_entropy(logits, y)
        return F.binary_cross_entropy_with_logits(logits[:, 0], y.float())


def fitted_network(x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
    """Train on latents x (N, C, d, h, w) of classes y (N,); the network gives latents (B, C, d, h, w) logits.

    These are (B, m), or (B, 1), of the second class, where there are two.
    """
    variance, mean = torch.var_mean(x, (0, 2, 3, 4), correction=0, keepdim=True)
    x, deviation = x - mean, variance.sqrt().clamp_min(1e-6)
    steps = max(STEPS, EPOCHS * len(y) // BATCH)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Classifier(x.shape[1], int(y.max()) + 1)
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            rows = torch.randint(len(y), (min(BATCH, len(y)),))
            loss = network.loss(network(x[rows] / deviation), y[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
    return torch.inference_mode()(lambda values: network((values - mean) / deviation))

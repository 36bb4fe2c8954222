"""How well anatomy and appearance are kept apart, measured on the latents of test subjects.

Two questions, of every model that says that it tells the two apart (`supports_swap`):

`accuracy`
    How often does a fresh classifier guess the modality from a latent? Folds keep families whole, and both images of a
    session are in one fold, so that chance is 0.5: the goal for z_anat and z_q, while z_mod should tell.
`same_code`, `code_overlap`
    How many codes do T1w and T2w of a session share, position by position and as sets? Where few codes are used, or all
    brains look alike, any two images share many. So the same is measured between subjects, within one modality, and the
    difference says what is shared beyond that.

Only sessions with both modalities count.
"""

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
from neuroquant.evaluation.probe.linear import GRID, fit_linear, pooled
from neuroquant.evaluation.shared_codes import code_overlap, same_code, shared
from neuroquant.evaluation.spread import matching
from neuroquant.files import write_tsv
from neuroquant.models.autoencoder import MODALITIES
from neuroquant.statistics.intervals import Interval, cluster_bootstrap
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import DISENTANGLEMENT

LATENTS = ("z_anat", "z_q", "z_mod")
CODES = "indices"
FOLDS = 5
WIDTH, STEPS, EPOCHS, BATCH, RATE = 8, 40, 3, 16, 2e-2
"""The convolutional classifier: channels, its least steps and passes over the images, images per step, AdamW's first
learning rate. Few channels and steps, for the demo's sake: what takes longer to learn isn't found."""
INSIDE = 0.5
"""Share of the voxels under a position of the latents that must lie in the brain for its code to count."""

Guess = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the places of training and of test rows to the probability of the second modality of the latter."""


@dataclass(frozen=True)
class Pairs:
    """Latents of N sessions with both modalities.

    Attributes
    ----------
    latents : name -> 2 N arrays (C, d, h, w): T1w and T2w of the first session, then of the second, and so on.
    clusters : (N,), the family, or the subject where no family is known, of each session.
    codes : (N, 2, codebooks, d, h, w), or None where the model has none.
    inside : (N, d, h, w), positions that lie in the brain; None without codes.
    """

    latents: dict[str, list[np.ndarray]]
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
    out : columns `DISENTANGLEMENT`. A model that lacks a latent or codes lacks the rows of those.
    """
    use_threads(threads)
    rows = []
    for model, paths in latents.items():
        pairs, cohort = read_pairs(volumes, paths)
        if pairs is not None:
            rows += [{"cohort": cohort, "model": model, **row} for row in measures(pairs, settings)]
    write_tsv(pd.DataFrame(rows, columns=DISENTANGLEMENT), out)


def read_pairs(volumes: list[Path], latents: list[Path]) -> tuple[Pairs | None, str]:
    """What is measured of a model, and the cohort's name.

    None where the model doesn't tell anatomy from appearance, or fewer than two families have both modalities.
    """
    found: dict[str, list[np.ndarray]] = {}
    clusters, codes, inside, cohort = [], [], [], ""
    for shard, path in zip(volumes, latents, strict=True):
        file = matching(path, ArrayFile(shard))
        if not file.attributes.get("supports_swap"):
            return None, cohort
        pairs = [[rows[name] for name in MODALITIES] for rows in file.sessions.values() if len(rows) == len(MODALITIES)]
        for pair in pairs:
            record = file.records[pair[0]]
            cohort = record.cohort
            clusters.append(record.family or record.subject)
            for name in set(LATENTS) & set(file.names):
                found.setdefault(name, []).extend(np.asarray(file.view(name))[pair])
            if file.attributes.get("quantised") and CODES in file.names:
                codes.append([file.read(CODES, row) for row in pair])
                inside.append(in_brain(shard, pair[0], codes[-1][0].shape[1:]))
    if len(set(clusters)) < 2:
        return None, cohort
    both = (np.array(codes), np.array(inside)) if codes else (None, None)
    return Pairs({name: found[name] for name in LATENTS if name in found}, np.array(clusters), *both), cohort


@lru_cache(maxsize=65_536)
def in_brain(shard: Path, row: int, grid: tuple[int, int, int]) -> np.ndarray:
    """Positions of a grid (d, h, w) over a volume of which at least the share `INSIDE` lies in the brain's mask."""
    return cells_in_brain(ArrayFile(shard).read("mask", row), grid)


def cells_in_brain(mask: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """The same of a mask (D, H, W)."""
    share = F.adaptive_avg_pool3d(torch.from_numpy(mask > 0).float()[None], grid)[0]
    return (share >= INSIDE).numpy()


def measures(pairs: Pairs, settings: Statistics) -> Iterator[dict[str, Any]]:
    """Every measure that the model's latents allow: measure, of, by, value, ci_low, ci_high, sessions, families."""
    y = torch.arange(len(MODALITIES)).repeat(len(pairs.clusters)).float()
    twice = np.repeat(pairs.clusters, len(MODALITIES))
    for name, latents in pairs.latents.items():
        for classifier, fit in CLASSIFIERS.items():
            right = guessed_right(fit(latents, y, twice), y, twice)
            interval = cluster_bootstrap(right, twice, settings)
            facts = {"classes": len(MODALITIES), "role": "appearance" if name == "z_mod" else "anatomy"}
            yield _row("accuracy", name, classifier, interval, len(pairs.clusters)) | facts
    if pairs.codes is None or pairs.inside is None:
        return
    kept = pairs.inside.any((1, 2, 3))
    if len(set(pairs.clusters[kept])) > 1:
        for measure, compare in (("same_code", same_code), ("code_overlap", code_overlap)):
            shares = compare(pairs.codes[kept], pairs.inside[kept])
            for of, interval in shared(shares, pairs.clusters[kept], settings).items():
                yield _row(measure, of, "", interval, int(kept.sum()))


def _row(measure: str, of: str, by: str, found: Interval, sessions: int) -> dict[str, Any]:
    facts = {"measure": measure, "of": of, "by": by, "value": found.value, "ci_low": found.low, "ci_high": found.high}
    return facts | {"sessions": sessions, "families": found.n_clusters}


def guessed_right(guess: Guess, y: Tensor, clusters: np.ndarray) -> np.ndarray:
    """Whether the modality of each row (N,) is guessed by a classifier that hasn't seen its family; a tie counts half.

    Parameters
    ----------
    y : (N,), 0 or 1.
    clusters : (N,), at least two of them.
    """
    truth, found = y.numpy() == 1, np.zeros(len(y))
    for train, test in GroupKFold(min(FOLDS, len(set(clusters)))).split(truth, truth, clusters):
        probability = guess(train, test)
        found[test] = np.where(probability == 0.5, 0.5, (probability > 0.5) == truth[test])
    return found


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
        return torch.cat([network(part) for part in values[test].split(BATCH)]).sigmoid().numpy()

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


def fitted_network(x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
    """Train on latents x (N, C, d, h, w) with y (N,), 0 or 1; the network gives latents (B, C, d, h, w) logits (B,)."""
    variance, mean = torch.var_mean(x, (0, 2, 3, 4), correction=0, keepdim=True)
    x, deviation = x - mean, variance.sqrt().clamp_min(1e-6)
    steps = max(STEPS, EPOCHS * len(y) // BATCH)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv3d(x.shape[1], WIDTH, 1),
            nn.SiLU(),
            nn.Conv3d(WIDTH, WIDTH, 3, padding=1),
            nn.SiLU(),
            nn.AdaptiveAvgPool3d(1),
            nn.Flatten(),
            nn.Linear(WIDTH, 1),
        )
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            rows = torch.randint(len(y), (min(BATCH, len(y)),))
            loss = F.binary_cross_entropy_with_logits(network(x[rows] / deviation)[:, 0], y[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
    return torch.inference_mode()(lambda values: network((values - mean) / deviation)[:, 0])


def swapped(latents: dict[str, Tensor], partner: Tensor) -> dict[str, Tensor]:
    """Each image's own modality stream with the codes of its session's other modality, row `partner` (B,)."""
    return latents | {"z_q": latents["z_q"][partner]}

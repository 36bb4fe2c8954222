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
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.config.evaluation import Statistics
from neuroquant.device import use_threads
from neuroquant.evaluation.classifiers import CLASSIFIERS, Guess
from neuroquant.evaluation.rows import MODALITIES, matching
from neuroquant.evaluation.shared_codes import code_overlap, same_code, shared
from neuroquant.extras import optional
from neuroquant.files import write_tsv
from neuroquant.statistics.intervals import Interval, cluster_bootstrap
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import DISENTANGLEMENT

with optional():
    from sklearn.model_selection import GroupKFold


FOLDS = 5
INSIDE = 0.5
"""Share of the voxels under a position of the latents that must lie in the brain for its code to count."""

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
    out : columns `DISENTANGLEMENT`. A model that lacks a latent or codes lacks the rows of those.
    """
    use_threads(threads)
    rows = []
    for model, paths in latents.items():
        sessions, cohort = read_complete(volumes, paths)
        if sessions is not None:
            rows += [{"cohort": cohort, "model": model, **row} for row in measures(sessions, settings)]
    write_tsv(pd.DataFrame(rows, columns=DISENTANGLEMENT), out)


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
            clusters.append(record.kin)
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
    for pair, kinds in chosen.items():
        for measure, compare in (("same_code", same_code), ("code_overlap", code_overlap)):
            shares = compare(sessions.codes[kept][:, list(kinds)], sessions.inside[kept])
            for of, interval in shared(shares, sessions.clusters[kept], settings).items():
                yield {"measure": measure, "of": of, "by": pair} | _values(interval, int(kept.sum()))


def _values(interval: Interval, sessions: int) -> dict[str, Any]:
    values = {"value": interval.value, "ci_low": interval.low, "ci_high": interval.high}
    return values | {"sessions": sessions, "families": interval.n_clusters}


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

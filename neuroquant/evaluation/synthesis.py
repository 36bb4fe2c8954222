"""Cross-modal synthesis (equation 13): one modality's anatomy decoded with the appearance of another.

The paper gives no numbers of it and doesn't say where the appearance comes from when the other image isn't there.
Three variants are scored against the session's own image of the target modality, for every ordered pair of its
modalities:

`paired`
    FiLM of the image that is to be made, as equation 13 and L_cross have it. It sees C_m numbers of that image.
`typical`
    the mean appearance of training images of that modality. The image that is to be made is never looked at.
`source`
    no model: the source image itself, which says what a number is worth.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from neuroquant.evaluation.fidelity import Scoring, scores
from neuroquant.evaluation.fidelity import image as image_of
from neuroquant.files import write_tsv
from neuroquant.models.autoencoder import Autoencoder, Swaps
from neuroquant.models.latents import Latents
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import IMAGE_KEY, SYNTHESIS_SCORES

ENOUGH = 64
"""Training images of a modality whose mean appearance is the typical one."""


@dataclass(frozen=True)
class Synthesis:
    """A model that tells anatomy from appearance, and how its images are scored.

    Attributes
    ----------
    model : an autoencoder that implements `Swaps`
    name : of its model
    typical : modality -> appearance (C,), of training images
    scoring : the metrics
    """

    model: Autoencoder
    name: str
    typical: dict[int, Tensor]
    scoring: Scoring


def typical_appearances(model: Autoencoder, shards: list[Path], device: str) -> dict[int, Tensor]:
    """Modality -> mean appearance (C,) of its first training images; nothing of models that can't swap.

    Parameters
    ----------
    shards : latents of training subjects; no more of them are opened than needed.
    """
    if not isinstance(model, Swaps):
        return {}
    looks: dict[int, list[Tensor]] = {kind: [] for kind in range(len(model.modalities))}
    for path in sorted(shards):
        if all(len(values) >= ENOUGH for values in looks.values()):
            break
        file = ArrayFile(path)
        for row, record in enumerate(file.records):
            kind = model.modalities.index(record.modality)
            if len(looks[kind]) < ENOUGH:
                arrays = {name: torch.from_numpy(file.read(name, row))[None].to(device).float() for name in file.names}
                looks[kind].append(model.appearance(model.latents_class.of(arrays))[0])
    return {kind: torch.stack(values).mean(0) for kind, values in looks.items() if values}


def synthesise(
    task: Synthesis, latents: dict[int, Latents], volumes: ArrayFile
) -> Iterator[tuple[str, int, int, Tensor]]:
    """Variant, rows of the source and of the target, and the synthesised image (1, 1, D, H, W) in [-1, 1].

    Parameters
    ----------
    latents : row of `volumes` -> what `encode` gave of it alone.
    """
    model = task.model
    depth, height, width = volumes.view("image").shape[1:]
    for rows in volumes.sessions.values():
        known = {modality: row for modality, row in rows.items() if row in latents}
        for source, target in itertools.permutations(known, 2):
            kind = model.modalities.index(target)
            looks = {"paired": model.appearance(latents[known[target]])}
            if kind in task.typical:
                looks["typical"] = task.typical[kind][None]
            # together: on CPUs PyTorch takes a slow way through small convolutions of a single image
            count = len(looks)
            anatomy = latents[known[source]].each(lambda x, n=count: x.expand(n, *x.shape[1:]))
            appearance = torch.cat(list(looks.values()))
            images = model.translate(anatomy, appearance, torch.full((count,), kind, device=appearance.device))
            images = images[:, :, :depth, :height, :width].clamp(-1, 1).float().cpu()
            for name, image in zip(looks, images.split(1), strict=True):
                yield name, known[source], known[target], image
            yield "source", known[source], known[target], image_of(volumes, known[source])


def write_synthesis(
    task: Synthesis,
    latents: dict[int, Latents],
    volumes: ArrayFile,
    out_tsv: Path,
    keep: Callable[[int, np.ndarray], None] | None = None,
) -> None:
    """A row per session, direction, variant, region and metric; none where the model can't, or no session has a pair.

    `modality` is that of the synthesised image, `source` that of the image whose anatomy it has.

    Parameters
    ----------
    keep : gets, for the viewer, the row of a target and its image as `SYNTHESISED` says: with the typical appearance,
        or else the paired one, and the anatomy of the first source.
    """
    rows: list[dict[str, Any]] = []
    kept: set[int] = set()
    best = "typical" if task.typical else "paired"
    for appearance, source, target, image in synthesise(task, latents, volumes) if latents else ():
        if keep and appearance == best and target not in kept:
            kept.add(target)
            keep(target, (1 + torch.round((image[0, 0] + 1) * 127)).to(torch.uint8).numpy())
        record = volumes.records[target]
        facts = {key: getattr(record, key) for key in IMAGE_KEY}
        facts |= {"source": volumes.records[source].modality, "model": task.name, "appearance": appearance}
        values = scores(image_of(volumes, target), image, volumes.read("mask", target), task.scoring)
        rows += [
            facts | {"region": region, "metric": metric, "value": value} for (region, metric), value in values.items()
        ]
    write_tsv(pd.DataFrame(rows, columns=SYNTHESIS_SCORES), out_tsv)

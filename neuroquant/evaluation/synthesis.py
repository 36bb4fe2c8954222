"""Cross-modal synthesis (equation 13): one modality's anatomy decoded with the appearance of the other.

The paper gives no numbers of it and doesn't say where the appearance comes from when the other image isn't there.
Three variants are scored against the session's own image of the other modality:

`paired`
    FiLM of the image that is to be made, as equation 13 and L_cross have it. It sees C_m numbers of that image.
`typical`
    the mean appearance of training images of that modality. The image that is to be made is never looked at.
`source`
    no model: the source image itself, which says what a number is worth.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from neuroquant.evaluation.fidelity import scores
from neuroquant.files import write_tsv
from neuroquant.models.autoencoder import MODALITIES, Autoencoder
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import SYNTHESIS_SCORES

ENOUGH = 64
"""Training images of a modality whose mean appearance is the typical one."""


def typical_appearances(model: Autoencoder, shards: list[Path], device: str) -> dict[int, Tensor]:
    """Modality -> mean appearance (C,) of the first training images of that modality.

    Parameters
    ----------
    shards : latents of training subjects; no more of them are opened than needed.
    """
    found: dict[int, list[Tensor]] = {kind: [] for kind in range(len(MODALITIES))}
    for path in sorted(shards):
        if all(len(values) >= ENOUGH for values in found.values()):
            break
        file = ArrayFile(path)
        for row, record in enumerate(file.records):
            kind = MODALITIES.index(record.modality)
            if len(found[kind]) < ENOUGH:
                latents = {name: torch.from_numpy(file.read(name, row))[None].to(device).float() for name in file.names}
                found[kind].append(model.appearance(latents)[0])
    return {kind: torch.stack(values).mean(0) for kind, values in found.items() if values}


def synthesise(
    model: Autoencoder, latents: dict[int, dict[str, Tensor]], volumes: ArrayFile, typical: dict[int, Tensor]
) -> Iterator[tuple[str, int, int, Tensor]]:
    """Variant, rows of the source and of the target, and the made image (1, 1, D, H, W) in [-1, 1].

    Parameters
    ----------
    latents : row of `volumes` -> what `encode` gave, each (1, C, d, h, w).
    typical : modality -> appearance (C,).
    """
    for rows in volumes.sessions.values():
        for source, target in ((a, b) for a in rows for b in rows if a != b):
            kind = MODALITIES.index(target)
            looks = {"paired": model.appearance(latents[rows[target]])}
            if kind in typical:
                looks["typical"] = typical[kind][None]
            # together: on CPUs PyTorch takes a slow way through small convolutions of a single image
            anatomy = {name: x.expand(len(looks), *x.shape[1:]) for name, x in latents[rows[source]].items()}
            look = torch.cat(list(looks.values()))
            made = model.translate(anatomy, look, torch.full((len(looks),), kind, device=look.device))
            for name, image in zip(looks, made.clamp(-1, 1).float().cpu().split(1), strict=True):
                yield name, rows[source], rows[target], image
            image = np.array(volumes.view("image")[rows[source]])
            yield "source", rows[source], rows[target], torch.from_numpy(image).float()[None, None]


def write_synthesis(
    model: Autoencoder,
    name: str,
    latents: dict[int, dict[str, Tensor]],
    volumes: ArrayFile,
    typical: dict[int, Tensor],
    window: int,
    out_tsv: Path,
) -> None:
    """A row a session, direction, variant, region and metric; none where the model can't, or no session has a pair.

    `modality` is that of the image which was made, `source` that of the image it was made of.
    """
    rows: list[dict[str, Any]] = []
    for appearance, source, target, made in synthesise(model, latents, volumes, typical) if latents else ():
        record = volumes.records[target]
        facts = {key: getattr(record, key) for key in ("cohort", "subject", "session", "family", "modality")}
        facts |= {"source": volumes.records[source].modality, "model": name, "appearance": appearance}
        x = torch.from_numpy(np.array(volumes.view("image")[target])).float()[None, None]
        for (region, metric), value in scores(x, made, volumes.read("mask", target), window).items():
            rows.append(facts | {"region": region, "metric": metric, "value": value})
    write_tsv(pd.DataFrame(rows, columns=SYNTHESIS_SCORES), out_tsv)

"""Train the stand-in segmenter: SynthSeg's idea in small, on the label maps of the training subjects alone.

The network works on cubes of `coarsen` voxels, and learns which share of each cube a structure fills: its posteriors
are interpolated to the volume's own grid, where the boundary inside a cube then follows from the shares.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.config.evaluation import Standin
from neuroquant.device import resolve_device, use_threads
from neuroquant.errors import InputError
from neuroquant.evaluation.synthseg.labels import both_sides
from neuroquant.evaluation.synthseg.network import FAST, UNet
from neuroquant.evaluation.synthseg.prior import fractions, log_prior
from neuroquant.evaluation.synthseg.randomise import random_image
from neuroquant.evaluation.synthseg.weights import write_weights
from neuroquant.files import write_tsv
from neuroquant.volumes.store import ArrayFile


def train_standin(
    shards: list[Path], settings: Standin, out_h5: Path, log_tsv: Path, device: str, threads: int
) -> None:
    """Train on domain-randomised images of the shards' label maps and write the weights in SynthSeg's layout.

    Raises
    ------
    InputError
        If the shards carry no label map, or hold subjects that aren't for training.
    """
    use_threads(threads)
    device = resolve_device(device)
    labels, maps = training_maps(shards)
    prior = log_prior(maps, labels, settings.coarsen)
    torch.manual_seed(settings.seed)
    network = UNet(len(labels), settings.features, settings.levels).train()
    torch.nn.init.zeros_(network.likelihood.weight)
    torch.nn.init.zeros_(network.likelihood.bias)
    network.to(device, memory_format=FAST)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    rows, begin, shown = [], time.monotonic(), 0.0
    for step in range(1, settings.steps + 1):
        x, y, known = (part.to(device) for part in batch(maps, labels, prior, settings, step))
        loss = segmentation_loss(network(x.contiguous(memory_format=FAST)) + known, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0 or step == settings.steps:
            rows.append({"step": step, "loss": float(loss.detach())})
            if time.monotonic() - shown > 5 or step == settings.steps:
                shown, rate = time.monotonic(), step / (time.monotonic() - begin)
                left = int((settings.steps - step) / rate)
                print(
                    f"stand-in segmenter: step {step}/{settings.steps}  loss {rows[-1]['loss']:.3f}  {rate:.2f}/s  "
                    f"{left // 60}:{left % 60:02d} left",
                    file=sys.stderr,
                    flush=True,
                )
    facts = {"features": settings.features, "levels": settings.levels, "stand_in": True, "steps": settings.steps}
    facts["coarsen"] = settings.coarsen
    write_weights(out_h5, network, labels, facts, prior)
    write_tsv(pd.DataFrame(rows), log_tsv)


def training_maps(shards: list[Path]) -> tuple[tuple[int, ...], list[Tensor]]:
    """Labels, sorted, and each session's label map as channel numbers (D, H, W), int64.

    A structure that occurs on one side alone is a label of both: images are mirrored in training.
    """
    raw = []
    for path in sorted(shards):
        file = ArrayFile(path)
        for rows in file.sessions.values():
            index = min(rows.values())
            if file.records[index].split != "train":
                raise InputError(str(path), f"split {file.records[index].split}", "training subjects", "check the rule")
            if file.attributes["has_labels"][index]:
                raw.append(file.read("labels", index))
    if not raw:
        raise InputError(
            "segmentation.engine",
            "standin, but no training subject has a label map",
            "derivatives/*/..._dseg.nii.gz beside the scans",
            "use segmentation.engine: torch with SynthSeg's weights, or none",
        )
    labels = both_sides({0, *(int(label) for m in raw for label in np.unique(m))})
    return labels, [torch.from_numpy(np.searchsorted(labels, m).astype(np.int64)) for m in raw]


def batch(
    maps: list[Tensor], labels: tuple[int, ...], prior: Tensor, settings: Standin, step: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Images (B, 1, d, h, w), shares of each label and its prior (B, C, d, h, w): a function of (seed, step).

    Sides are padded with background so that the network can halve them.
    """
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    side, parts = settings.coarsen, []
    for _ in range(settings.batch):
        chosen = maps[int(torch.randint(len(maps), (), generator=generator))]
        image, channels, start = random_image(chosen, labels, settings.crop, generator, side)
        image, shares = F.avg_pool3d(image, side), fractions(channels, len(labels), side)
        here = tuple(slice(first, first + length) for first, length in zip(start, image.shape[1:], strict=True))
        parts.append((image, shares, prior[(slice(None), *here)]))
    x, y, known = (torch.stack(part) for part in zip(*parts, strict=True))
    multiple = 2 ** (settings.levels - 1)
    pads = [pad for length in reversed(x.shape[2:]) for pad in (0, -length % multiple)]
    x, y, known = (F.pad(part, pads) for part in (x, y, known))
    y[:, labels.index(0)] += y.sum(1) == 0
    return x, y, known


def segmentation_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Cross entropy and one minus the mean soft Dice over the structures of each image.

    Parameters
    ----------
    logits, shares : (B, C, d, h, w). Dice has squares below its line (Milletari et al. 2016): it is then 1 where the
        posterior equals the share, in cubes of several structures too.
    """
    posterior = logits.softmax(1)
    overlap = (posterior * shares).sum(dim=(2, 3, 4))
    size = (posterior.square() + shares.square()).sum(dim=(2, 3, 4))
    dice = (2 * overlap + 1e-3) / (size + 1e-3)
    present = shares.sum(dim=(2, 3, 4)) > 0
    return 1 - dice[present].mean() - (shares * logits.log_softmax(1)).sum(1).mean()

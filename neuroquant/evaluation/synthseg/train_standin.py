"""Train the stand-in segmenter: SynthSeg's idea in small, on the label maps of the training subjects alone."""

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
from neuroquant.evaluation.synthseg.labels import both_sides, flipped
from neuroquant.evaluation.synthseg.network import UNet
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
    maps = [every(m, settings.coarsen) for m in maps]
    torch.manual_seed(settings.seed)
    network = UNet(len(labels), settings.features, settings.levels).to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    weights = class_weights(maps, labels).to(device)
    rows, begin, shown = [], time.monotonic(), 0.0
    for step in range(1, settings.steps + 1):
        x, y = batch(maps, labels, settings, step, device)
        loss = segmentation_loss(network(x), y, weights)
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
    write_weights(out_h5, network, labels, facts)
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


def every(channels: Tensor, side: int) -> Tensor:
    """The middle voxel of each cube of `side` voxels of (D, H, W), the volume cut to whole cubes."""
    depth, height, width = (length - length % side for length in channels.shape)
    return channels[side // 2 : depth : side, side // 2 : height : side, side // 2 : width : side].contiguous()


def batch(
    maps: list[Tensor], labels: tuple[int, ...], settings: Standin, step: int, device: str
) -> tuple[Tensor, Tensor]:
    """Images (B, 1, D, H, W) and channels (B, D, H, W) of a step; a function of (seed, step).

    Sides are zero-padded so that the network can halve them.
    """
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    images, targets = [], []
    for _ in range(settings.batch):
        chosen = maps[int(torch.randint(len(maps), (), generator=generator))]
        image, target = random_image(chosen, labels, settings.crop, generator)
        images.append(image)
        targets.append(target)
    x, y = torch.stack(images), torch.stack(targets)
    multiple = 2 ** (settings.levels - 1)
    pad = [p for side in reversed(x.shape[2:]) for p in (0, -side % multiple)]
    return F.pad(x, pad).to(device), F.pad(y, pad, value=labels.index(0)).to(device)


def class_weights(maps: list[Tensor], labels: tuple[int, ...]) -> Tensor:
    """Weight of each channel in the cross entropy, (C,): one over the root of its frequency, around 1 for structures.

    Unweighted, small deep structures aren't found in the few steps that a stand-in is given. A structure that occurs on
    the other side alone counts as often as there.
    """
    voxels = sum(torch.bincount(m.flatten(), minlength=len(labels)) for m in maps)
    voxels = torch.where(voxels > 0, voxels, voxels[flipped(labels)]).clamp_min(1)
    weights = voxels.float().rsqrt()
    return weights / weights[1:].mean()


def segmentation_loss(logits: Tensor, channels: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross entropy and one minus the mean soft Dice over the structures of each image."""
    posterior = logits.softmax(1)
    truth = F.one_hot(channels, logits.shape[1]).movedim(-1, 1).to(posterior.dtype)
    overlap = (posterior * truth).sum(dim=(2, 3, 4))
    size = (posterior + truth).sum(dim=(2, 3, 4))
    present = truth.sum(dim=(2, 3, 4)) > 0
    dice = (2 * overlap + 1e-3) / (size + 1e-3)
    return F.cross_entropy(logits, channels, weight=weights) + 1 - dice[present].mean()

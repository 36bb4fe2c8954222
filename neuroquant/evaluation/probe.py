"""Sex from frozen latents: MONAI's SEResNet trained on them, and a linear probe beside it (section 4.1).

Weights are chosen on validation subjects; the test shards are opened once, after that.
"""

import sys
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.config.evaluation import Probe
from neuroquant.device import resolve_device, use_threads
from neuroquant.errors import InputError
from neuroquant.evaluation.linear_probe import fit_linear
from neuroquant.files import write_tsv
from neuroquant.models.autoencoder import MODALITIES
from neuroquant.volumes.store import ArrayFile, Record

COLUMNS = [
    "cohort", "subject", "session", "family", "modality", "model", "probe", "seed", "sex", "probability", "predicted",
]  # fmt: skip
GRADIENT_LIMIT = 1.0
LOG = ["modality", "seed", "epoch", "train_loss", "val_balanced_accuracy", "val_loss"]


@dataclass
class Sample:
    """Rows of one modality: x (N, C, d, h, w), y (N,) with 1 for F, and whose they are."""

    x: Tensor
    y: Tensor
    records: list[Record]

    @property
    def subjects(self) -> np.ndarray:
        """Subject of each row."""
        return np.array([record.subject for record in self.records])


def run_probe(
    train: list[Path],
    val: list[Path],
    test: list[Path],
    array: str,
    model: str,
    settings: Probe,
    out_tsv: Path,
    log_tsv: Path,
    device: str,
    threads: int,
) -> None:
    """Train the probes of one model on one cohort and write their predictions on the test subjects.

    Parameters
    ----------
    train, val, test : shards of latents, or of volumes.
    array : the array that is read; empty: what the shards name as `probe_latent`.

    Notes
    -----
    Where the training subjects are all of one sex, or the model gives no latents, nothing can be learned: the tables
    are written empty, and the log says why.
    """
    use_threads(threads)
    device = resolve_device(device)
    fitted, log = [], []
    for modality in MODALITIES:
        train_sample = load(train, array, modality, settings)
        reason = why_not(train_sample)
        if train_sample is None or reason:
            print(f"{model} {modality}: not probed, {reason}", file=sys.stderr)
            continue
        val_sample = load(val, array, modality, settings)
        scale = standardiser(train_sample.x)
        shuffled = [permuted(train_sample, seed) for seed in settings.seeds]
        line, *lines = fit_linear(scale(train_sample.x), train_sample.y, train_sample.subjects, *shuffled)
        fitted.append((modality, "linear", 0, scale, line))
        fitted += [(modality, "linear_permuted", *found) for found in zip(settings.seeds, repeat(scale), lines)]
        for seed in settings.seeds:
            network = fit(train_sample, val_sample, scale, settings, seed, device, f"{model} {modality}", log)
            fitted.append((modality, "seresnet", seed, scale, predictor(network, device, settings.batch)))
    rows: list[dict[str, Any]] = []
    samples = {modality: load(test, array, modality, settings) for modality in dict.fromkeys(f[0] for f in fitted)}
    for modality, probe, seed, scale, predict in fitted:
        sample = samples[modality]
        if sample is not None:
            rows += predictions(sample, predict(scale(sample.x)), model, probe, seed)
    write_tsv(pd.DataFrame(rows, columns=COLUMNS), out_tsv)
    write_tsv(pd.DataFrame(log, columns=LOG), log_tsv)


def why_not(train: Sample | None) -> str:
    """Why nothing can be learned from a sample; empty where something can."""
    if train is None:
        return "no training session has this modality, or the model gives no latents"
    return "" if len(train.y.unique()) == 2 else "the training subjects are of one sex"


def permuted(sample: Sample, seed: int = 0) -> Tensor:
    """The sexes (N,) shuffled among the subjects: what a probe learns of these is chance."""
    names, first, place = np.unique(sample.subjects, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return sample.y[first][order][place]


def load(shards: list[Path], array: str, modality: str, settings: Probe) -> Sample | None:
    """All rows of a modality; None where there are none, or no latents.

    Volumes get a channel and are average-pooled as configured.
    """
    x, records = [], []
    for path in sorted(shards):
        file = ArrayFile(path)
        name = array or file.attributes["probe_latent"]
        rows = [index for index, record in enumerate(file.records) if record.modality == modality]
        if not file.names:
            return None
        if rows and name not in file.names:
            raise InputError(str(path), f"arrays {', '.join(file.names)}", f"the latent {name!r}", "correct `latent`")
        for index in rows:
            data = torch.from_numpy(np.array(file.view(name)[index])).float()
            x.append(F.avg_pool3d(data[None], settings.volume_downsample) if name == "image" else at_least(data))
            records.append(file.records[index])
    if not x:
        return None
    return Sample(torch.stack(x), torch.tensor([float(record.sex == "F") for record in records]), records)


def at_least(latent: Tensor, side: int = 4) -> Tensor:
    """A latent (C, d, h, w) with every side below `side` repeated: SEResNet halves twice before its first block."""
    for axis in (1, 2, 3):
        latent = latent.repeat_interleave(-(-side // latent.shape[axis]), axis)
    return latent


def standardiser(x: Tensor) -> Any:
    """Zero mean and unit variance a channel, with the training data's own."""
    mean = x.mean(dim=(0, 2, 3, 4), keepdim=True)
    deviation = x.std(dim=(0, 2, 3, 4), keepdim=True).clamp_min(1e-6)
    return lambda values: (values - mean) / deviation


def network_for(channels: int, settings: Probe) -> nn.Module:
    """MONAI's SEResNet with one output."""
    from monai.networks.nets import SEResNet50, SEResNet101, SEResNet152

    kind = {50: SEResNet50, 101: SEResNet101, 152: SEResNet152}[settings.depth]
    dropout = settings.dropout or None
    return kind(spatial_dims=3, in_channels=channels, num_classes=1, dropout_prob=dropout)


def fit(
    train: Sample,
    val: Sample | None,
    scale: Any,
    settings: Probe,
    seed: int,
    device: str,
    name: str,
    log: list[dict[str, Any]],
) -> nn.Module:
    """Train one SEResNet; the weights of the epoch that is best on validation subjects (the last without any)."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    network = network_for(train.x.shape[1], settings).to(device)
    rate = settings.lr * settings.batch / 256
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=settings.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs)
    x, y = scale(train.x), train.y
    share = np.where(y.numpy() == 1, 0.5 / y.mean().item(), 0.5 / (1 - y.mean().item()))
    best, best_state, best_epoch = None, None, 0
    for epoch in range(settings.epochs):
        network.train()
        drawn = generator.choice(len(y), len(y), p=share / share.sum())
        losses = []
        for part in np.array_split(drawn, -(-len(drawn) // settings.batch)):
            rows = torch.from_numpy(part)
            if len(rows.unique()) < 2:  # batch norm has no variance of one
                continue
            loss = F.binary_cross_entropy_with_logits(network(x[rows].to(device))[:, 0], y[rows].to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            # channels that are nearly constant in a batch blow gradients up, layer by layer
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_LIMIT)
            if norm.isfinite():
                optimizer.step()
            losses.append(loss.detach())
        schedule.step()
        row = {"modality": name.split()[-1], "seed": seed, "epoch": epoch + 1}
        row["train_loss"] = float(torch.stack(losses).mean()) if losses else float("nan")
        if val is not None:
            row |= judge(predictor(network, device, settings.batch)(scale(val.x)), val)
            rank = (row["val_balanced_accuracy"], -row["val_loss"])
            if best is None or rank > best:
                best, best_epoch = rank, epoch
                best_state = {k: v.detach().clone() for k, v in network.state_dict().items()}
        log.append(row)
        print(
            f"{name} seed {seed}: " + " ".join(f"{k} {v:.3f}" for k, v in row.items() if isinstance(v, float)),
            file=sys.stderr,
        )
        if val is not None and settings.patience and epoch - best_epoch >= settings.patience:
            break
    if best_state is not None:
        network.load_state_dict(best_state)
    return network


def predictor(network: nn.Module, device: str, batch: int) -> Any:
    """A function from x (N, C, d, h, w) to the probability of F, (N,)."""

    @torch.inference_mode()
    def predict(x: Tensor) -> np.ndarray:
        network.eval()
        return torch.cat([network(part.to(device))[:, 0].sigmoid().cpu() for part in x.split(batch)]).numpy()

    return predict


def judge(probability: np.ndarray, sample: Sample) -> dict[str, float]:
    """Balanced accuracy and cross entropy over subjects, whose sessions are averaged first."""
    table = (
        pd.DataFrame({"subject": sample.subjects, "p": probability, "y": sample.y.numpy()}).groupby("subject").mean()
    )
    right = (table.p > 0.5) == (table.y == 1)
    p = table.p.clip(1e-6, 1 - 1e-6)
    loss = -(table.y * np.log(p) + (1 - table.y) * np.log(1 - p)).mean()
    return {"val_balanced_accuracy": float(right.groupby(table.y).mean().mean()), "val_loss": float(loss)}


def predictions(sample: Sample, probability: np.ndarray, model: str, probe: str, seed: int) -> list[dict[str, Any]]:
    """One row a test session."""
    rows = []
    for record, p in zip(sample.records, probability, strict=True):
        facts = {name: getattr(record, name) for name in ("cohort", "subject", "session", "family", "modality", "sex")}
        predicted = "F" if p > 0.5 else "M"
        rows.append(
            {**facts, "model": model, "probe": probe, "seed": seed, "probability": float(p), "predicted": predicted}
        )
    return rows

"""MONAI's SEResNet as a probe: trained on one modality's latents, chosen on validation subjects (section 4.1)."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neuroquant.config.evaluation import Probe
from neuroquant.evaluation.probe.samples import Sample
from neuroquant.evaluation.probe.targets import Target
from neuroquant.extras import optional

GRADIENT_LIMIT = 1.0
Scale = Callable[[Tensor], Tensor]
Predict = Callable[[Sample], np.ndarray]
"""A sample to what its target's `values` are of its rows: of sex the probability of F, (N,)."""


@dataclass(frozen=True)
class Learning:
    """What a probe learns from, of one modality.

    Attributes
    ----------
    train, val : samples of either split; None where there is no validation session.
    scale : standardises a batch by the training sample's channels.
    """

    train: Sample
    val: Sample | None
    scale: Scale

    def shuffled(self, seed: int) -> "Learning":
        """The same with the values shuffled among the subjects."""
        train, val = (part and replace(part, y=permuted(part, seed)) for part in (self.train, self.val))
        return Learning(train, val, self.scale)


def permuted(sample: Sample, seed: int = 0) -> Tensor:
    """The values (N,) shuffled among the subjects: what a probe learns of these is chance.

    All visits of a subject get the first visit's value of another one.
    """
    names, first, index = np.unique(sample.subjects, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return sample.y[first][order][index]


def network_for(channels: int, settings: Probe, outputs: int = 1) -> nn.Module:
    """MONAI's SEResNet with so many outputs; one is enough for two classes."""
    with optional():
        from monai.networks.nets import SEResNet50, SEResNet101, SEResNet152

    kind = {50: SEResNet50, 101: SEResNet101, 152: SEResNet152}[settings.depth]
    dropout = settings.dropout or None
    return kind(spatial_dims=3, in_channels=channels, num_classes=outputs, dropout_prob=dropout)


def fit(
    learning: Learning, settings: Probe, seed: int, device: str, name: str
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Train one SEResNet; the weights of the epoch that is best on validation subjects (the last without any).

    Rows are read from their shards as steps ask for them. Beside the network: what each epoch came to.
    """
    train, val, scale, target = learning.train, learning.val, learning.scale, learning.train.target
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    network = network_for(train.channels, settings, target.outputs).to(device)
    rate = settings.lr * settings.batch / 256
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=settings.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs)
    y, share, log = train.y, target.shares(train.y), []
    best, best_state, best_epoch = None, None, 0
    for epoch in range(settings.epochs):
        network.train()
        drawn = generator.choice(len(y), len(y), p=share / share.sum())
        parts = np.array_split(drawn, -(-len(drawn) // settings.batch))
        losses = [
            step(network, optimizer, scale(train.read(part, device)), y[torch.from_numpy(part)].to(device), target)
            for part in parts
            if len(np.unique(part)) > 1  # batch norm has no variance of one
        ]
        schedule.step()
        row = {"epoch": epoch + 1, "train_loss": float(torch.stack(losses).mean()) if losses else float("nan")}
        if val is not None:
            row |= judge(predictor(network, scale, device, settings.batch)(val), val)
            rank = (row[target.score], -row["val_loss"])
            if best is None or rank > best:
                best, best_epoch = rank, epoch
                best_state = {k: v.detach().clone() for k, v in network.state_dict().items()}
        log.append(row)
        print(
            f"{name}: " + " ".join(f"{k} {v:.3f}" for k, v in row.items() if isinstance(v, float)),
            file=sys.stderr,
        )
        if val is not None and settings.patience and epoch - best_epoch >= settings.patience:
            break
    if best_state is not None:
        network.load_state_dict(best_state)
    return network, log


def step(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, target: Target) -> Tensor:
    """One step on latents x (B, C, d, h, w) with the values y (B,) of a target; the loss before it."""
    loss = target.loss(network(x), y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    # channels that are nearly constant in a batch blow gradients up, layer by layer
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_LIMIT)
    if norm.isfinite():
        optimizer.step()
    return loss.detach()


def predictor(network: nn.Module, scale: Scale, device: str, batch: int) -> Predict:
    """A function from a sample to what its target's `values` are: of sex the probability of F, (N,)."""

    @torch.inference_mode()
    def predict(sample: Sample) -> np.ndarray:
        network.eval()
        values = [sample.target.values(network(scale(x))).cpu() for x in sample.batches(batch, device)]
        return torch.cat(values).numpy()

    return predict


def judge(predicted: np.ndarray, sample: Sample) -> dict[str, float]:
    """How good predictions are over the subjects of a sample, whose sessions are averaged first."""
    return sample.target.judge(predicted, sample.subjects, sample.y.numpy())

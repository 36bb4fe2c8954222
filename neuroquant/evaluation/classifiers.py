"""Fresh classifiers that guess an image's modality from one of its latents: a line, and a small network."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.evaluation.probe.linear import GRID, fit_linear, pooled

WIDTH, STEPS, EPOCHS, BATCH, RATE = 8, 40, 3, 16, 2e-2
"""The convolutional classifier: channels, its least steps and passes over the images, images per step, AdamW's first
learning rate. Few channels and steps, for the demo's sake: what takes longer to learn isn't found."""
Guess = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the positions of training and of test rows to the probability of each modality for the latter, (N, m)."""


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

"""How networks start: even activations, residual branches at zero, narrow posteriors, background as output."""

import torch
from torch import nn

BACKGROUND = -1.0
NARROW = -6.0
"""Log variance of a posterior at the start: noise of a twentieth of what latents are to have."""


def start_evenly(network: nn.Module) -> None:
    """Start convolutions with weights of variance 1 / fan-in and no bias, so that activations keep their size.

    PyTorch's own start shrinks them by the root of three at each of some twenty layers, and training takes several
    times as long to leave the blur that it begins with.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
            nn.init.zeros_(module.bias)


def start_at_zero(layer: nn.Conv2d | nn.Conv3d | nn.Linear) -> None:
    """Start the last layer of a residual branch at zero: the block begins as the identity."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def start_as_background(layer: nn.Conv2d | nn.Conv3d) -> None:
    """Start the layer that gives the image with nearly background, which most of a volume is."""
    with torch.no_grad():
        layer.weight.mul_(0.1)
        layer.bias.fill_(BACKGROUND)


def start_narrow(layer: nn.Conv2d | nn.Conv3d, channels: int) -> None:
    """Start the last `channels` outputs of a layer, a posterior's log variances, at `NARROW`, whatever the input.

    Otherwise the noise begins as large as the latents, and a short training ends before it has learnt to be small.
    """
    with torch.no_grad():
        layer.weight[-channels:].zero_()
        layer.bias[-channels:].fill_(NARROW)

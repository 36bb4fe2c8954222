"""Every kind of quantiser in small, and maps for it."""

import torch

from neuroquant.models.neuroquant import Parameters
from neuroquant.models.neuroquant.quantizers import KINDS, Quantizer

SIZE, DIM = 64, 6
SETTINGS = {
    "ema": {"kind": "ema"},
    "ema, rotation": {"kind": "ema", "rotation": True},
    "fsq": {"kind": "fsq"},
    "fsq, odd levels": {"kind": "fsq", "levels": (4, 5, 3)},
    "simvq": {"kind": "simvq"},
    "simvq, rotation": {"kind": "simvq", "rotation": True},
    "residual": {"kind": "residual"},
    "residual, rotation": {"kind": "residual", "stages": 3, "rotation": True},
}
"""Name -> the setting `quantizer`."""
START = ("ema", "residual")
"""Kinds that start late."""


def parameters_of(name: str, **changes) -> Parameters:
    """A model's parameters with this quantiser."""
    size = 60 if SETTINGS[name].get("levels") else SIZE
    settings = {"codebook_size": size, "code_dim": DIM, "start_after": 0, "ema_decay": 0.9, **changes}
    return Parameters(quantizer=SETTINGS[name], **settings)


def quantiser(name: str, **changes) -> Quantizer:
    """A fresh one in training mode."""
    torch.manual_seed(0)
    parameters = parameters_of(name, **changes)
    return KINDS[parameters.quantizer.kind](parameters).train()


def a_map(seed: int = 0, shape: tuple[int, ...] = (2, DIM, 4, 4, 4), spread: float = 1.0) -> torch.Tensor:
    """Latents of an encoder."""
    return spread * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def at_work(name: str, **changes) -> Quantizer:
    """One that has learned from a few steps."""
    quantizer = quantiser(name, **changes)
    for step in range(3):
        quantizer(a_map(step))
        quantizer.update()
    return quantizer

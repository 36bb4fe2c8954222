"""What else a run computes on a GPU: SynthSeg, the probe, every model's encode and decode, deepbet, quantiser, SSIM.

    python benchmarks/gpu/parts.py OUT LIMIT_S

Writes `parts.jsonl` into OUT: seconds and peak memory of each. Networks have random weights, on which neither depends.
"""

import sys
from pathlib import Path
from typing import Any

import inference
import numpy as np
import segment as synthseg
import torch
from entries import load_models
from record import DEVICE, PAIRS, SHAPE, SMALL, Record, seconds_of, setting

from neuroquant import models
from neuroquant.config.evaluation import Probe
from neuroquant.evaluation.probe.network import network_for, step
from neuroquant.evaluation.probe.targets import SEX
from neuroquant.segmentation.deepbet import BrainMasker
from neuroquant.similarity import ssim3d

REPEATS = 1 if SMALL else 3
PROBED = {"64 channels, 9 x 12 x 9": (64, (9, 12, 9)), "4 channels, 144 x 18 x 24": (4, (144, 18, 24))}
"""Latents on which the probe is measured: NeuroQuant's, and SD-VAE's."""


def segmented() -> dict[str, Any]:
    """SynthSeg's whole recipe for one volume, and its peak memory."""
    found = synthseg.measure("recipe", Path("none"), SHAPE, REPEATS, DEVICE)
    return {"s": round(found["seconds"], 4), "peak_gb": round(found["peak_gb"], 2), "images": 1}


def probed(channels: int, size: tuple[int, int, int]) -> dict[str, Any]:
    """A step of the probe's network, as deep and on as many sessions as the experiment's."""
    settings = Probe(depth=50) if SMALL else Probe()
    batch = 2 if SMALL else settings.batch
    network = network_for(channels, settings).to(DEVICE).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    x, y = torch.randn(batch, channels, *size, device=DEVICE), torch.arange(batch, device=DEVICE).float() % 2
    return seconds_of(lambda: step(network, optimizer, x, y, SEX), REPEATS) | {"batch": batch, "depth": settings.depth}


def coded(name: str) -> dict[str, Any]:
    """One volume encoded, and decoded; slice-wise models do some slices, and their seconds are scaled."""
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with setting(inference, "SHAPE", SHAPE):
        found = inference.measure(name, 16, 1, DEVICE)
    return {kind: round(found[kind], 4) for kind in ("encode_s", "decode_s", "gb")} | {"images": 1}


def masked() -> dict[str, Any]:
    """deepbet's mask of a head of 256 x 256 x 180 voxels."""
    side = (64, 64, 48) if SMALL else (256, 256, 180)
    axes = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in side), indexing="ij", sparse=True)
    head = np.where(sum(axis**2 for axis in axes) < 0.7, 100, 0).astype(np.float32)
    masker = BrainMasker(DEVICE)
    return seconds_of(lambda: masker(head, np.diag([1.0, 1.0, 1.0, 1.0])), REPEATS, 1)


def quantised() -> dict[str, Any]:
    """The quantiser of one training step, with its update."""
    (entry,) = load_models(["neuroquant"], SMALL)
    model = models.build(entry.architecture, entry.parameters | {"start_after": 0}).to(DEVICE).train()
    quantizer, size = model.quantizer, [side // model.factor for side in SHAPE]
    z = torch.randn(2 * PAIRS, entry.parameters["code_dim"], *size, device=DEVICE)

    def learn() -> None:
        quantizer(z)
        quantizer.update()

    return seconds_of(learn, 3 * REPEATS) | {"tokens": 2 * PAIRS * int(np.prod(size))}


def compared() -> dict[str, Any]:
    """SSIM3D of one training step's volumes, forward and backward."""
    x, y = (torch.rand(2 * PAIRS, 1, *SHAPE, device=DEVICE) for _ in range(2))
    y.requires_grad_()
    return seconds_of(lambda: ssim3d(x, y).sum().backward(), REPEATS) | {"images": 2 * PAIRS}


def main() -> None:
    record = Record(Path(sys.argv[1], "parts.jsonl"), float(sys.argv[2]))
    record.part("SynthSeg", segmented)
    for name, (channels, size) in PROBED.items():
        if not (SMALL and size[0] > 100):
            record.part(f"probe, {name}", lambda channels=channels, size=size: probed(channels, size))
    for name in inference.MODELS:
        record.part(f"model, {name}", lambda name=name: coded(name))
    record.part("deepbet", masked)
    record.part("quantiser", quantised)
    record.part("SSIM", compared)


if __name__ == "__main__":
    main()

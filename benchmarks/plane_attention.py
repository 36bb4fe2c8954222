"""Slices and volumes under both settings of `plane_attention`: which brings them closer?

    python benchmarks/plane_attention.py [--seeds 2] [--steps 120] [--slice-steps 60] [--demo-size] [--shape 32 48 32]

Trains `neuroquant` on volumes, then on slices, as the paper does: with the attention along a slice's normal off in 2D
("off", the paper's), and attending to its own token alone ("self"). The cohort is that of `virtual_data`. Before and
after the steps on slices, on held-out sessions, a TSV row each:

- psnr_3d: of volumes, passed as volumes (dB)
- psnr_2d: of their slices, passed as slices, mean over the three planes
- psnr_2d_as_3d: of the same slices, cut out of the reconstructed volumes
- z_anat: how far a slice's z_anat is from the volume's at that place, relative to the latter's norm

The gap is psnr_2d_as_3d - psnr_2d, and z_anat; both are 0 where 2D mode does what 3D mode does.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import torch
from entries import load_models, with_parameters
from virtual_data import make_data

from neuroquant import models
from neuroquant.config.model import ModelEntry, Phase
from neuroquant.device import resolve_device, use_threads
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.similarity import psnr
from neuroquant.training.data import Loader, Sessions
from neuroquant.training.loop import How, train_step
from neuroquant.training.optimizer import build_optimizer
from neuroquant.training.schedule import learning_rate

MEASURES = ("psnr_3d", "psnr_2d", "psnr_2d_as_3d", "z_anat")
BACKGROUND = -1.0


@torch.no_grad()
def compare(model: Autoencoder, sessions: Sessions, device: str) -> dict[str, float]:
    """The four measures, over both modalities of all sessions and slices that aren't all background."""
    model.eval()
    found: dict[str, list[torch.Tensor]] = {name: [] for name in MEASURES}
    for index in range(len(sessions)):
        batch = sessions.volumes([index]).to(device)
        latents = model.encode(batch.x, batch.modality)
        whole = model.decode(latents, batch.modality).clamp(-1, 1)
        found["psnr_3d"].append(psnr(batch.x, whole))
        for axis in range(3):
            for place in range(model.factor // 2, batch.x.shape[axis + 2], model.factor):
                cut = batch.x.narrow(axis + 2, place, 1)
                if not (cut > BACKGROUND).any():
                    continue
                output = model(cut, batch.modality, plane=axis)
                found["psnr_2d"].append(psnr(cut, output.reconstruction.clamp(-1, 1)))
                found["psnr_2d_as_3d"].append(psnr(cut, whole.narrow(axis + 2, place, 1)))
                there = latents.z_anat.narrow(axis + 2, place // model.factor, 1)
                away = (output.latents.z_anat - there).flatten(1).norm(dim=1)
                found["z_anat"].append(away / there.flatten(1).norm(dim=1))
    model.train()
    return {name: float(torch.cat(values).mean()) for name, values in found.items()}


def train(model: Autoencoder, entry: ModelEntry, phase: Phase, number: int, sessions: Sessions, device: str) -> None:
    """All steps of one phase."""
    optimizer = build_optimizer(model, entry.training)
    with Loader(sessions, phase, number, entry.training.seed, model.plane_axis, device == "cuda") as loader:
        for step in range(phase.steps):
            train_step(model, optimizer, loader.batch(step).to(device), entry, learning_rate(phase, step), How(device))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, help="on volumes; the model's own otherwise")
    parser.add_argument("--slice-steps", type=int, help="on slices; the model's own otherwise")
    parser.add_argument("--slice-lr", type=float, help="learning rate on slices; the model's own otherwise")
    parser.add_argument("--demo-size", action="store_true", help="the demo's small network")
    parser.add_argument("--shape", type=int, nargs=3, help="voxels; 32 48 32 on CPUs, 144 192 144 on GPUs")
    parser.add_argument("--subjects", type=int, default=16, help="to train on; a quarter as many more are held out")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    device = resolve_device(arguments.device)
    use_threads(arguments.threads)
    shape = tuple(arguments.shape or ((144, 192, 144) if device == "cuda" else (32, 48, 32)))
    carried = os.environ.get("NEUROQUANT_TESTDATA", "")
    (entry,) = load_models(["neuroquant"], arguments.demo_size)
    volumes, slices = entry.training.phases
    volumes = volumes.model_copy(update={"steps": arguments.steps or volumes.steps})
    slice_lr = {"lr": arguments.slice_lr, "lr_end": arguments.slice_lr} if arguments.slice_lr else {}
    slices = slices.model_copy(update={"steps": arguments.slice_steps or slices.steps, **slice_lr})
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder), shape, arguments.subjects, Path(carried) if carried else None)
        held_out = data.scored["held_out"]
        print(f"{len(data.train)} sessions to train on, {len(held_out)} held out", file=sys.stderr)
        print("\t".join(("seed", "plane_attention", "after", *MEASURES)), flush=True)
        for seed in range(arguments.seeds):
            for kind in ("off", "self"):
                changed = with_parameters(entry, plane_attention=kind, start_after=volumes.steps // 2)
                changed = changed.model_copy(update={"training": entry.training.model_copy(update={"seed": seed})})
                torch.manual_seed(seed)
                model = models.build(changed.architecture, changed.parameters).to(device).train()
                for number, (name, phase) in enumerate((("volumes", volumes), ("slices", slices))):
                    train(model, changed, phase, number, data.train, device)
                    values = "\t".join(f"{value:.4f}" for value in compare(model, held_out, device).values())
                    print(f"{seed}\t{kind}\t{name}\t{values}", flush=True)


if __name__ == "__main__":
    main()

"""Encode and decode time and peak memory of a volume for every model, at 144 x 192 x 144, in one run.

    python benchmarks/inference.py [MODEL ...] [--slices 16] [--threads 1] [--device cpu]

Random weights: neither time nor memory depends on them. Each model runs in a process of its own; peak memory is that
process's, Python and PyTorch included. Slice-wise models do `--slices` of the 144 slices, and their seconds are scaled.
On a CPU seconds are processor seconds, summed over threads, so that other load on the machine doesn't count; `wall_s`
is what the clock showed. Ratios are to `sd_vae`.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
SHAPE = (144, 192, 144)
MODELS = ["medvae", "neuroquant", "sd_vae", "vqgan", "meditok", "brlp", "maisi", "lowpass", "identity"]


def measure(name: str, slices: int, threads: int, device: str) -> dict[str, float]:
    """Seconds and GB of one model, in this process."""
    import torch

    from neuroquant import models
    from neuroquant.config.load import read_yaml

    torch.set_num_threads(threads)
    raw = read_yaml(ROOT / "config/models" / f"{name}.yaml")
    model = models.build(raw["architecture"], raw.get("parameters", {})).to(device).eval()
    start_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    shape = list(SHAPE)
    if model.plane_axis is not None:
        shape[model.plane_axis] = slices
    x, modality = torch.rand(1, 1, *shape, device=device) * 2 - 1, torch.zeros(1, dtype=torch.long, device=device)
    times, wall = [], time.perf_counter()
    with torch.inference_mode():
        for _ in range(2 if device == "cuda" else 1):
            times = [clock(device)]
            latents = model.encode(x, modality)
            times.append(clock(device))
            model.decode(latents, modality)
            times.append(clock(device))
    wall = time.perf_counter() - wall
    scale = SHAPE[model.plane_axis] / slices if model.plane_axis is not None else 1.0
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    if device == "cuda":
        memory = torch.cuda.max_memory_allocated() / 1e9
    size = sum(parameter.numel() for parameter in model.parameters())
    facts = {"model": name, "parameters_m": size / 1e6, "kbit": model.bits(SHAPE) / 1000}
    facts |= {"encode_s": scale * (times[1] - times[0]), "decode_s": scale * (times[2] - times[1])}
    return facts | {"wall_s": scale * wall, "gb_loaded": start_gb, "gb": memory}


def clock(device: str) -> float:
    """Processor seconds of this process, or on a GPU the clock's, when the device is done."""
    if device == "cpu":
        return time.process_time()
    import torch

    torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    """Print a line a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--slices", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(chosen.models[0], chosen.slices, chosen.threads, chosen.device)))
        return
    found = []
    for model in chosen.models:
        command = [sys.executable, __file__, model, "--one", "--slices", str(chosen.slices)]
        command += ["--threads", str(chosen.threads), "--device", chosen.device]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
        print(found[-1], file=sys.stderr, flush=True)
    table = pd.DataFrame(found).set_index("model")
    if "sd_vae" in table.index:
        total = table.encode_s + table.decode_s
        table["to_sd_vae"] = total / total["sd_vae"]
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()

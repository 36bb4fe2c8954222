"""Seconds a volume and peak memory of the SynthSeg engines, and their agreement at full size.

    python benchmarks/segment.py [--keras-python PYTHON] [--shape 144 192 144] [--volumes 2] [--threads 1]

The network has the official layout (24 features, 5 levels, 33 labels) and random weights: time and memory don't hang on
their values. Each measurement is a process of its own, so that peaks don't mix. On a CPU seconds are processor seconds
of all threads, so that other load on the machine doesn't count. A TSV row each:

- keras: two passes (image and mirror image) and their average, TensorFlow; with --keras-python, the Python of
  envs/synthseg-upstream.yaml
- torch, passes: the same by this project's engine, with the smoothing
- torch, whole recipe: normalisation to soft volumes, clean-up included

With --keras-python, Keras's weights are read by the engine, and the largest difference between both posteriors of one
volume and the share of voxels with the same label are printed.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from neuroquant.device import resolve_device, use_threads
from neuroquant.segmentation.labels import official
from neuroquant.segmentation.network import UNet, ready_on
from neuroquant.segmentation.recipe import Use, padding, posteriors_of, segment
from neuroquant.segmentation.weights import read_weights

LABELS = official("2.0")
MULTIPLE, LEAST = 32, 128
HERE = Path(__file__).parent


def network_for(weights: Path) -> UNet:
    """The official layout, with Keras's weights where there are some, else random ones."""
    torch.manual_seed(0)
    network = UNet(len(LABELS)).eval()
    if weights.is_file():
        read_weights(weights, network)
    return network


def measure(part: str, folder: Path, shape: tuple[int, int, int], volumes: int, device: str) -> dict[str, float]:
    """Seconds a volume, least of several, and this process's peak memory in GB."""
    network, generator = ready_on(network_for(folder / "network.h5"), device), np.random.default_rng(1)
    image = generator.uniform(size=shape).astype(np.float32)
    padded = torch.from_numpy(np.pad(image, padding(shape, MULTIPLE, LEAST)))[None, None].to(device)
    seconds, clock = [], time.perf_counter if device == "cuda" else time.process_time
    for _ in range(volumes + (device == "cuda")):
        begin = clock()
        if part == "passes":
            posteriors_of(network, padded, LABELS, True)
        else:
            list(segment(network, Use(LABELS, True, LEAST, device), [image], 1.0))
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(clock() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 1e9
    return {"seconds": min(seconds), "peak_gb": peak}


def agreement(folder: Path) -> tuple[float, float]:
    """Largest difference of the posteriors of one image, and the share of voxels with the same winner."""
    image, expected = np.load(folder / "image.npy"), np.load(folder / "posteriors.npy", mmap_mode="r")
    with torch.inference_mode():
        network = ready_on(network_for(folder / "network.h5"), "cpu")
        found = network(torch.from_numpy(image)[None, None])[0].softmax(0).numpy()
    largest = max(float(np.abs(found[c] - expected[..., c]).max()) for c in range(len(found)))
    same = np.mean([(found[:, i].argmax(0) == expected[i].argmax(-1)).mean() for i in range(len(image))])
    return largest, float(same)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keras-python", help="a Python with TensorFlow 2.15")
    parser.add_argument("--shape", type=int, nargs=3, default=(144, 192, 144))
    parser.add_argument("--volumes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--part", choices=("passes", "recipe", "agreement"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    shape, device = tuple(arguments.shape), resolve_device(arguments.device)
    use_threads(arguments.threads)
    if arguments.part == "agreement":
        print(json.dumps(agreement(arguments.folder)))
        return
    if arguments.part:
        print(json.dumps(measure(arguments.part, arguments.folder, shape, arguments.volumes, device)))
        return
    print(f"torch {torch.__version__}, {device}, {arguments.threads} thread(s), {'x'.join(map(str, shape))}")
    print("engine\ts_a_volume\tpeak_GB\ttime_to_keras\tmemory_to_keras")
    sizes = ["--threads", str(arguments.threads), "--volumes", str(arguments.volumes)]
    with tempfile.TemporaryDirectory() as folder:
        keras = {"seconds": float("nan"), "peak_gb": float("nan")}
        if arguments.keras_python:
            padded = [str(side + sum(pad)) for side, pad in zip(shape, padding(shape, MULTIPLE, LEAST), strict=True)]
            call = [arguments.keras_python, str(HERE / "segment_keras.py"), folder, "--shape", *padded, *sizes]
            keras = last_line(call)
            show(f"keras {keras['version']}", keras, keras)
        own = [sys.executable, __file__, "--folder", folder, "--shape", *map(str, shape), *sizes, "--device", device]
        for part, name in (("passes", "torch, passes"), ("recipe", "torch, whole recipe")):
            show(name, last_line([*own, "--part", part]), keras)
        if arguments.keras_python:
            largest, same = last_line([*own, "--part", "agreement"])
            print(f"posteriors differ by at most {largest:.2g}; the same label wins in {100 * same:.4f} % of voxels")


def last_line(call: list[str]) -> dict[str, float]:
    """What a process prints last, as JSON."""
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def show(name: str, found: dict[str, float], keras: dict[str, float]) -> None:
    """A row of the table."""
    time_ratio, memory_ratio = found["seconds"] / keras["seconds"], found["peak_gb"] / keras["peak_gb"]
    print(f"{name}\t{found['seconds']:.2f}\t{found['peak_gb']:.2f}\t{time_ratio:.2f}\t{memory_ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()

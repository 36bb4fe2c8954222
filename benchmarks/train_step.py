"""Seconds, operations and memory of a training step of NeuroQuant, and how long it waits for data.

    python benchmarks/train_step.py [--account] [--shape 144 192 144] [--pairs 4] [--slices 128] [--steps 10]

Sizes default to the paper's on a GPU; on CPUs to 48 x 64 x 48 with 2 pairs and 16 pairs of slices, at full widths. The
data are shards of random smooth volumes, read through the loader that training uses. Each variant is compared with the
eager float32 model of the same run, TF32 off:

- configured: as training runs it, bf16 autocast on GPUs
- float32: the same, in float32
- float32, up-sampling apart: nearest up-sampling stored, then convolved, as the text of the paper has it
- norms compiled, blocks compiled: as configured, with `training.compile`; always on GPUs, with --compile on CPUs
- in pieces: as configured, `accumulate` as large as the batch lets it be
- norms recomputed, attention recomputed: as configured, with `training.recompute`

Seconds are the wall's on GPUs; on CPUs they are the process's own processor time over its threads, so that what
else the machine does doesn't count. TFLOP/s counts the operations of the configured step whatever the variant. The
floor is the least time on an H100 or H200: on volumes the analytic one, on slices that of the account's operations in
bf16. On a GPU the wait is the host's, which runs ahead of the device. Slices of every plane come up in the warm-up.

`--account` runs nothing: it counts the operations of a step, and the bytes kept for its backward pass, by part; and how
these, the bytes moved, and the least time of operations that follow one another depend on precision and recomputation.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from account import DEVICES, PARTS, SETTINGS, operations
from entries import load_models, with_parameters, with_training
from scipy import ndimage
from torch import Tensor

from neuroquant import models
from neuroquant.config.model import ModelEntry, Phase
from neuroquant.device import resolve_device, use_threads
from neuroquant.models.neuroquant import plane
from neuroquant.store.arrays import ArrayWriter, Record
from neuroquant.training.data import Loader, Sessions
from neuroquant.training.loop import How, train_step
from neuroquant.training.optimizer import build_optimizer

FULL, PAIRS, SLICES = (144, 192, 144), 4, 128
SMALL, SMALL_PAIRS, SMALL_SLICES = (48, 64, 48), 2, 16
FLOOR_TFLOP = 9.0
FLOOR_S = {"H100": 0.08, "H200": 0.06}
"""Least a step on four pairs of full volumes can take: widths 32/64/128/256, attention after the stride, all fused."""
WARM_UP = 3
"""Steps before the clock starts: kernels are chosen, and the codebook starts."""


@dataclass
class Measured:
    """Means over the steps of a variant; seconds is nan where memory didn't suffice."""

    seconds: float
    wait: float
    peak_gb: float


def write_smooth(path: Path, shape: tuple[int, int, int], sessions: int) -> Path:
    """A shard of random smooth ellipsoids, both modalities of each session."""
    generator = np.random.default_rng(0)
    axes = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    inside = sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij", sparse=True)) < 0.8
    records = [
        Record("random", f"s{number}", "1", modality, "train", "", "F", 20.0)
        for number in range(sessions)
        for modality in ("T1w", "T2w")
    ]
    with ArrayWriter(path, records) as writer:
        writer.create("image", shape, np.float16)
        for entry in range(len(records)):
            knots = generator.uniform(-0.9, 0.9, [side // 8 for side in shape]).astype(np.float32)
            image = ndimage.zoom(knots, [side / n for side, n in zip(shape, knots.shape, strict=True)], order=1)
            writer.write("image", entry, np.where(inside, image, -1.0).astype(np.float16))
    return path


def measure(entry: ModelEntry, phase: Phase, sessions: Sessions, device: str, steps: int) -> Measured:
    """Train for some steps and look at the clock; on a GPU the steps are waited for at the end alone."""
    torch.manual_seed(0)
    model = models.build(entry.architecture, entry.parameters).to(device).train()
    model.recompute(entry.training.recompute)
    model.compile_units(entry.training.compile)
    optimizer = build_optimizer(model, entry.training)
    warm_up = WARM_UP if phase.mode == "3d" else warm_up_of_planes(sessions, phase)
    phase, wait = phase.model_copy(update={"steps": warm_up + steps}), 0.0
    with peak_memory(device) as peak, Loader(sessions, phase, 0, 0, None, device == "cuda") as loader:
        for step in range(warm_up + steps):
            if step == warm_up:
                begin, wait = now(device), 0.0
            asked = time.perf_counter()
            batch = loader.batch(step)
            wait += time.perf_counter() - asked
            train_step(model, optimizer, batch.to(device), entry, phase.lr, How(device, phase.accumulate))
        seconds = (now(device) - begin) / steps
    return Measured(seconds, wait / steps, peak[0])


def warm_up_of_planes(sessions: Sessions, phase: Phase) -> int:
    """Steps until each plane came up once: compiled parts are made anew for each."""
    with Loader(sessions, phase.model_copy(update={"batch": 1, "accumulate": 1}), 0, 0, None) as loader:
        seen = set()
        for step in range(phase.steps):
            seen.add(loader.batch(step).plane)
            if len(seen) == 3 and step + 1 >= WARM_UP:
                return step + 1
    return WARM_UP


def now(device: str) -> float:
    """Seconds of a clock, when all that was asked of the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time() / torch.get_num_threads()


@contextmanager
def peak_memory(device: str) -> Iterator[list[float]]:
    """Largest memory in GB while the block runs: of tensors on a GPU, of the whole process on CPUs."""
    peak = [float("nan")]
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        yield peak
        peak[0] = torch.cuda.max_memory_allocated() / 1e9
        return
    gc.collect()
    try:  # Linux forgets the high-water mark when asked to
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        yield peak
        return
    yield peak
    mark = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    peak[0] = int(mark.split()[1]) * 1024 / 1e9


def apart(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Nearest up-sampling by two, stored, and a convolution: what `upsampled_conv` does in one."""
    convolution = F.conv3d if x.ndim == 5 else F.conv2d
    return convolution(F.interpolate(x, scale_factor=2, mode="nearest"), weight, bias, padding=1)


@contextmanager
def without_tf32() -> Iterator[None]:
    """Float32 means float32 inside the block."""
    flags = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = flags


def variants(
    entry: ModelEntry,
    phase: Phase,
    sessions: Sessions,
    device: str,
    steps: int,
    compiled: bool,
    names: list[str] | None,
) -> dict[str, Measured]:
    """Measure all variants of one phase, or float32 and those of `names`.

    On CPUs, which train in float32 anyway, the configured one is float32.
    """
    pieces = phase.model_copy(update={"accumulate": phase.batch})
    exact = with_training(entry, precision="fp32")
    planned = [
        ("float32", exact, phase, nullcontext()),
        ("float32, up-sampling apart", exact, phase, patch.object(plane, "upsampled_conv", apart)),
        ("in pieces", entry, pieces, nullcontext()),
        ("norms recomputed", with_training(entry, recompute="norms"), phase, nullcontext()),
        ("attention recomputed", with_training(entry, recompute="attention"), phase, nullcontext()),
    ]
    if device == "cuda":
        planned.insert(0, ("configured", entry, phase, nullcontext()))
    if compiled:
        for what in ("norms", "blocks"):
            planned.append((f"{what} compiled", with_training(entry, compile=what), phase, nullcontext()))
    planned = [plan for plan in planned if plan[0] in ("float32", *(names or [plan[0]]))]
    found = {}
    for name, changed, batches, context in planned:
        with without_tf32() if "float32" in name else nullcontext(), context:
            try:
                found[name] = measure(changed, batches, sessions, device, steps)
            except torch.OutOfMemoryError:
                found[name] = Measured(float("nan"), float("nan"), float("nan"))
    return found


def print_account(entry: ModelEntry, shape: tuple[int, int, int], phase: Phase) -> None:
    """A line a part."""
    found = operations(entry, shape, phase)
    print(f"{phase.mode}, {'x'.join(map(str, shape))}, batch {phase.batch}: one step in float32")
    print("part\tTFLOP\tshare\tkept_for_backward_GB")
    flop, saved = sum(found.flop.values()), sum(found.saved.values())
    for part in PARTS:
        share = found.flop[part] / flop
        print(f"{part}\t{found.flop[part] / 1e12:.3f}\t{share:.3f}\t{found.saved[part] / 1e9:.2f}")
    print(f"all\t{flop / 1e12:.3f}\t1.000\t{saved / 1e9:.2f}")
    if phase.mode == "3d":
        floor = FLOOR_TFLOP * share_of_full(shape, phase.batch)
        print(f"floor\t{floor:.3f}\t{floor * 1e12 / flop:.3f}\t-")
    print(
        "precision\trecomputed\tTFLOP\tkept_GB\tmoved_TB\tlaunches\t" + "\t".join(f"{name}_least_s" for name in DEVICES)
    )
    for precision, recompute in SETTINGS:
        found = operations(entry, shape, phase, precision, recompute)
        flop, saved = sum(found.flop.values()) / 1e12, sum(found.saved.values()) / 1e9
        least = "\t".join(f"{seconds:.4f}" for seconds in found.least_s.values())
        moved = f"{found.moved / 1e12:.4f}\t{found.launches}"
        print(f"{precision}\t{recompute}\t{flop:.3f}\t{saved:.2f}\t{moved}\t{least}", flush=True)


def share_of_full(shape: tuple[int, int, int], pairs: int) -> float:
    """Voxels of a step relative to four pairs of full volumes: what the floor is scaled by."""
    return float(np.prod(shape)) * pairs / (np.prod(FULL) * PAIRS)


def print_times(entry: ModelEntry, shape: tuple[int, int, int], phase: Phase, found: dict[str, Measured]) -> None:
    """A line a variant."""
    flop = sum(operations(entry, shape, phase).flop.values())
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    known = next((name for name in DEVICES if name in device), None)
    floor = float("nan") if known is None else least_times(entry, shape, phase)[known]
    for name, measured in found.items():
        print(
            f"{phase.mode}\t{name}\t{measured.seconds:.4g}\t{flop / measured.seconds / 1e12:.3f}\t"
            f"{floor / measured.seconds:.3f}\t{measured.peak_gb:.2f}\t{measured.wait:.4f}\t"
            f"{measured.wait / measured.seconds:.4f}\t{found['float32'].seconds / measured.seconds:.2f}",
            flush=True,
        )


def least_times(entry: ModelEntry, shape: tuple[int, int, int], phase: Phase) -> dict[str, float]:
    """Floor of a step in seconds, by GPU."""
    if phase.mode == "2d":
        return operations(entry, shape, phase, "bf16").least_s
    return {name: seconds * share_of_full(shape, phase.batch) for name, seconds in FLOOR_S.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="neuroquant", help="a model of config/models")
    parser.add_argument("--demo-size", action="store_true", help="the demo's small network")
    parser.add_argument("--account", action="store_true", help="count a step, at full size unless told, and end")
    parser.add_argument("--compile", action="store_true", help="measure the compiled variants on CPUs too")
    parser.add_argument("--variants", nargs="+", help="measure these alone, and float32")
    parser.add_argument("--shape", type=int, nargs=3, help="voxels; multiples of 16")
    parser.add_argument("--pairs", type=int, help="pairs of volumes a step")
    parser.add_argument("--slices", type=int, help="pairs of slices a step")
    parser.add_argument("--steps", type=int, default=10, help=f"steps measured, after {WARM_UP} that aren't")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    device = resolve_device(arguments.device)
    use_threads(arguments.threads)
    full = arguments.account or device == "cuda"
    shape = tuple(arguments.shape or (FULL if full else SMALL))
    phases = (
        Phase(mode="3d", batch=arguments.pairs or (PAIRS if full else SMALL_PAIRS)),
        Phase(mode="2d", batch=arguments.slices or (SLICES if full else SMALL_SLICES)),
    )
    entry = with_parameters(*load_models([arguments.model], arguments.demo_size), start_after=0)
    if arguments.account:
        for phase in phases:
            print_account(entry, shape, phase)
        return
    print(f"torch {torch.__version__}, {device}, {arguments.threads} thread(s), {'x'.join(map(str, shape))}, ", end="")
    print(f"{phases[0].batch} pairs, {phases[1].batch} pairs of slices, {arguments.steps} steps")
    print("phase\tvariant\ts_a_step\tTFLOP/s\tshare_of_floor\tpeak_GB\tloader_wait_s\twait_share\tratio_to_float32")
    with tempfile.TemporaryDirectory() as folder:
        sessions = Sessions([write_smooth(Path(folder) / "train.h5", shape, max(2 * phases[0].batch, 8))])

        def taken(phase: Phase) -> dict[str, Measured]:
            compiled = device == "cuda" or arguments.compile
            return variants(entry, phase, sessions, device, arguments.steps, compiled, arguments.variants)

        for phase in phases:
            print_times(entry, shape, phase, taken(phase))


if __name__ == "__main__":
    main()

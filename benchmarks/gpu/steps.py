"""Training steps on the device: both phases as configured, their kernels, then one change at a time.

    python benchmarks/gpu/steps.py OUT LIMIT_S

Writes `steps.jsonl` and `profile_3d.txt`, `profile_2d.txt` (the 30 kernels that take longest) into OUT. Seconds,
TFLOP/s and the share of the floor are those of `benchmarks/train_step.py`, whose functions are used.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
import train_step as bench
from account import DEVICES, operations
from entries import load_models, with_parameters, with_training
from record import DEVICE, PAIRS, SHAPE, SLICES, SMALL, Record, setting, wait

from neuroquant import models
from neuroquant.config.model import ModelEntry, Phase
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.training.data import Loader, Sessions
from neuroquant.training.loop import How, train_step
from neuroquant.training.optimizer import build_optimizer

STEPS = 2 if SMALL else 8
KERNELS = 30
WHOLE = "compiled as a whole"


def entry_of(name: str, **parameters: Any) -> ModelEntry:
    """A model whose codebook starts at once."""
    entry = with_parameters(*load_models([name], SMALL), start_after=0, **parameters)
    return with_training(entry, optimizer="adamw")  # the paper's, at the small sizes too


def facts(entry: ModelEntry, phase: Phase, sessions: Sessions, steps: int = STEPS) -> dict[str, Any]:
    """A step of one variant, measured."""
    found = bench.measure(entry, phase, sessions, DEVICE, steps)
    measured = {
        "s": round(found.seconds, 5), "loader_wait_s": round(found.wait, 5), "peak_gb": round(found.peak_gb, 2),
        "images": 2 * phase.batch,
    }  # fmt: skip
    try:
        return measured | counted(entry, phase, found.seconds)
    except Exception as error:  # counting may take longer than there is time; the seconds are worth keeping
        return measured | {"not_counted": f"{type(error).__name__}: {error}"[:300]}


def counted(entry: ModelEntry, phase: Phase, seconds: float) -> dict[str, Any]:
    """What needs the operations of a step that takes so many seconds: TFLOP/s and the share of the floor."""
    flop = sum(operations(entry, SHAPE, phase).flop.values())
    known = next((name for name in DEVICES if DEVICE == "cuda" and name in torch.cuda.get_device_name()), None)
    floor = bench.least_times(entry, SHAPE, phase)[known] if known and not SMALL else None
    return {
        "tflop_per_s": round(flop / seconds / 1e12, 3),
        "share_of_floor": round(floor / seconds, 3) if floor else None,
    }


def profiled(entry: ModelEntry, phase: Phase, sessions: Sessions, out: Path) -> dict[str, Any]:
    """The kernels of two steps, by the time they take on the device."""
    from torch.profiler import ProfilerActivity, profile

    torch.manual_seed(0)
    model = models.build(entry.architecture, entry.parameters).to(DEVICE).train()
    optimizer = build_optimizer(model, entry.training)
    phase = phase.model_copy(update={"steps": 8})
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if DEVICE == "cuda" else [])
    with Loader(sessions, phase, 0, 0, None, DEVICE == "cuda") as loader:

        def steps(first: int, last: int) -> None:
            for step in range(first, last):
                train_step(model, optimizer, loader.batch(step).to(DEVICE), entry, phase.lr, How(DEVICE))
            wait()

        steps(0, 4)
        with profile(activities=activities) as found:
            steps(4, 6)
    order = "self_device_time_total" if DEVICE == "cuda" else "self_cpu_time_total"
    rows = sorted(found.key_averages(), key=lambda event: -getattr(event, order))[:KERNELS]
    lines = [f"{getattr(row, order) / 2e3:10.3f}\t{row.count / 2:g}\t{row.key}" for row in rows]
    (out / f"profile_{phase.mode}.txt").write_text("\n".join(["ms_per_step\tcalls\tkernel", *lines]) + "\n")
    return {"kernels": {row.key[:80]: round(getattr(row, order) / 2e3, 3) for row in rows[:8]}}


def channels_last() -> AbstractContextManager[None]:
    """Models with weights in channels_last_3d; activations follow as far as the operations keep the layout."""
    build = models.build

    def built(*arguments: Any) -> Autoencoder:
        return build(*arguments).to(memory_format=torch.channels_last_3d)

    return setting(models, "build", built)


def as_a_whole() -> AbstractContextManager[None]:
    """`compile_units` compiles the encoder and the decoder as one graph each, not block by block."""

    def compiled(model: Autoencoder, what: str) -> None:
        model.encoder.compile()
        model.decoder.compile()

    return setting(Autoencoder, "compile_units", compiled)


def variants() -> list[tuple[str, ModelEntry, dict[str, Any], Callable[[], AbstractContextManager]]]:
    """Name, model, changes of the phase, and what holds while it is measured; most important first."""
    full = entry_of("neuroquant")
    wide = {"channels": (64, 128, 256, 256)}
    compiled, norms = (with_training(full, compile=what) for what in ("blocks", "norms"))
    fastest = setting(torch.backends.cudnn, "benchmark", True)
    found = [
        ("cudnn.benchmark", full, {}, lambda: fastest),
        ("channels_last_3d", full, {}, channels_last),
        ("without L_cross", entry_of("neuroquant_film"), {}, nullcontext),
        ("base", entry_of("neuroquant_base"), {}, nullcontext),
        ("half of L_cross", half_crossed(full), {}, nullcontext),
        ("compiled norms", norms, {}, nullcontext),
        ("compiled by block", compiled, {}, nullcontext),
        ("1 pair", full, {"batch": 1}, nullcontext),
        ("8 pairs", full, {"batch": 2 if SMALL else 8}, nullcontext),
        ("float32", with_training(full, precision="fp32"), {}, bench.without_tf32),
        ("group norm", entry_of("neuroquant", norm="group"), {}, nullcontext),
        ("norms recomputed", with_training(full, recompute="norms"), {}, nullcontext),
        (WHOLE, compiled, {}, as_a_whole),
    ]
    if not SMALL:  # the small network has two blocks
        found.insert(
            6, ("attention in blocks 2 to 4", entry_of("neuroquant", attention_blocks=(2, 3, 4)), {}, nullcontext)
        )
        found.insert(-1, ("widths 64/128/256/256", entry_of("neuroquant", **wide), {}, nullcontext))
    return found


def half_crossed(entry: ModelEntry) -> ModelEntry:
    """The model with half of the images in L_cross."""
    return entry.model_copy(update={"objective": entry.objective.model_copy(update={"cross_images": "half"})})


def main() -> None:
    out, record = Path(sys.argv[1]), Record(Path(sys.argv[1], "steps.jsonl"), float(sys.argv[2]))
    full = entry_of("neuroquant")
    volumes, slices = Phase(mode="3d", batch=PAIRS), Phase(mode="2d", batch=SLICES)
    with tempfile.TemporaryDirectory() as folder:
        sessions = Sessions([bench.write_smooth(Path(folder) / "train.h5", SHAPE, 8)])
        record.part("3d, configured", lambda: facts(full, volumes, sessions))
        record.part("2d, configured", lambda: facts(full, slices, sessions))
        record.part("3d, kernels", lambda: profiled(full, volumes, sessions, out))
        record.part("2d, kernels", lambda: profiled(full, slices, sessions, out))
        for name, entry, changes, context in variants():

            def measured(entry=entry, changes=changes, context=context) -> dict[str, Any]:
                with context():
                    return facts(entry, volumes.model_copy(update=changes), sessions, max(STEPS // 2, 2))

            record.part(f"3d, {name}", measured)


if __name__ == "__main__":
    main()

"""How good reconstructions are after equal training, on brains that weren't trained on, and a ranking of the models.

    python benchmarks/time_to_quality.py [MODEL ...] [--seconds 25] [--steps 200] [--seeds 3] [--demo-size]

A MODEL is the name of one of config/models, with changes to its training if need be, and its own number of seeds:
`neuroquant_base`, `neuroquant+optimizer=adamw+lr=4e-3`, `neuroquant+cross_images=all:1`. `lr` is that of the first
phase, which ends at a twentieth of it. `crop=none` trains on whole volumes, `whole=0.2` on them for the last fifth of
the budget, behind pieces. `quantizer=fsq` and `rotation=on` change NeuroQuant's quantiser. `mean` and `pca` are always
fitted to the same training sessions and scored.

Trains on a virtual cohort: deformed label maps of $NEUROQUANT_TESTDATA/label_maps, or the ICBM brain without them. The
last quarter of the label maps is held out, of the ICBM brain the last subjects. Where $NEUROQUANT_TESTDATA/bids_real
is, its stripped pairs are scored too. Training takes volumes or pieces of them, as the model's first phase does; scores
are of whole volumes, both modalities. Prints a TSV line for each of `--points` times a training:

- budget: "fit" where a model is fitted
- seconds: of training, without scoring: the wall's on GPUs, this process's processor time on CPUs, so that what else
  the machine does doesn't count
- weights: those of the last step ("plain"), or their exponential average, codebook included ("average")
- psnr (dB), ssim: mean over volumes. usage: share of the codebook's entries that these volumes use, of several
  codebooks the mean. joint: share of the combinations of their entries; with one codebook the same

The learning rate falls along the model's own half cosine by the share of the budget that is spent, behind its warm-up
in steps, which comes once more where a codebook starts late: at the share of the first phase at which it starts in the
model's own schedule, or at `--start-share`.

At the end comes the ranking by PSNR on held-out volumes, mean over seeds. A model that isn't above the mean training
image has learned nothing that could be compared, and gets no rank. `ranking.py` ranks what was printed by a run
that was stopped.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from entries import load_models, with_phase, with_training
from ranking import FIT, MEAN, RANKING, ranking, write
from requested import requested, whole_from
from virtual_data import Data, make_data

from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.device import resolve_device, use_threads
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.neuroquant.model import NeuroQuant
from neuroquant.models.neuroquant.quantizers import Quantizer
from neuroquant.similarity import psnr, ssim3d
from neuroquant.training.data import Loader, Sessions
from neuroquant.training.fit import Passes
from neuroquant.training.loop import How, train_step
from neuroquant.training.optimizer import build_optimizer
from neuroquant.training.schedule import learning_rate, warm

MODELS = ("neuroquant", "neuroquant_base", "neuroquant_fma", "neuroquant_film", "neuroquant_cross")
FITTED = (MEAN, "pca")
AVERAGE_DECAY = 0.99
SECONDS = 60.0
NEVER = 10**9
"""Steps of a phase that the budget ends, and of a codebook that it starts."""
COLUMNS = (
    "budget",
    "model",
    "seed",
    "seconds",
    "steps",
    "quantised",
    "weights",
    "scored_on",
    "psnr",
    "ssim",
    "usage",
    "joint",
)
Show = Callable[[dict[str, Any]], None]


def codebook_of(model: Autoencoder) -> Quantizer | None:
    """NeuroQuant's quantiser; None of other models."""
    return model.quantizer if isinstance(model, NeuroQuant) else None


class Average:
    """Exponential average of a model's weights and codebook, without a share of where it began.

    The codebook's start begins it anew: before that, the decoder was given other latents.
    """

    def __init__(self, model: Autoencoder, decay: float):
        self.model, self.decay, self.updates, self.quantised = model, decay, 0, False
        self.values = {name: value.detach().clone() for name, value in self._floats().items()}

    def _floats(self) -> dict[str, torch.Tensor]:
        return {name: value for name, value in self.model.state_dict().items() if value.is_floating_point()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        quantizer = codebook_of(self.model)
        started = quantizer is not None and quantizer.has_started()
        if started and not self.quantised:
            self.updates, self.quantised = 0, True
        self.updates += 1
        share = (1 - self.decay) / (1 - self.decay**self.updates)
        now = self._floats()
        torch._foreach_lerp_([self.values[name] for name in now], list(now.values()), share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model with the averages in place of its weights."""
        plain = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(plain | self.values)
        yield
        self.model.load_state_dict(plain)


@torch.no_grad()
def score(model: Autoencoder, sessions: Sessions, device: str, window: int) -> dict[str, float]:
    """Mean PSNR (dB) and SSIM of whole volumes, both modalities of all sessions, and the shares of codes in use."""
    training = model.training
    model.eval()
    values: dict[str, list[torch.Tensor]] = {"psnr": [], "ssim": []}
    words: list[torch.Tensor] = []
    for index in range(len(sessions)):
        batch = sessions.volumes([index]).to(device)
        latents = model.encode(batch.x, batch.modality)
        reconstruction = model.decode(latents, batch.modality).clamp(-1, 1)
        values["psnr"].append(psnr(batch.x, reconstruction))
        values["ssim"].append(ssim3d(batch.x, reconstruction, window))
        codes = model.codes(latents)
        if codes is not None:
            words.append(codes.movedim(1, -1).flatten(0, 1).unique(dim=0))
    model.train(training)
    usage = shares_used(torch.cat(words), model.codebook_size) if words else {}
    return {name: float(torch.cat(parts).mean()) for name, parts in values.items()} | usage


def shares_used(words: torch.Tensor, size: int) -> dict[str, float]:
    """Of indices (N, codebooks), the mean share of each codebook in use, and that of all combinations."""
    books = [len(column.unique()) / size for column in words.T]
    return {"usage": sum(books) / len(books), "joint": len(words.unique(dim=0)) / size ** len(books)}


def clock_of(device: str) -> float:
    """Seconds on the clock that training is timed by: the wall's, when the GPU is done, or this process's own."""
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


class Run:
    """One training of a model; `show` gets its scores at `points` shares of the budget, evenly apart.

    Parameters
    ----------
    name : of the model with its changes
    seconds, steps : the budget; seconds where there are no steps
    start_share : of the budget, after which the codebook starts; None: as in the model's own schedule
    """

    def __init__(
        self,
        name: str,
        entry: ModelEntry,
        data: Data,
        device: str,
        show: Show,
        seconds: float | None,
        steps: int | None = None,
    ):
        self.name, self.entry, self.data, self.device, self.show = name, entry, data, device, show
        self.seconds, self.steps = seconds, steps
        self.budget = f"{steps} steps" if steps else f"{seconds:g} s"
        torch.manual_seed(entry.training.seed)
        self.model = models.build(entry.architecture, entry.parameters).to(device).train()
        self.average = Average(self.model, AVERAGE_DECAY)
        self.spent, self.step = 0.0, 0
        self.whole_from = whole_from(entry)

    def share(self) -> float:
        """Of the budget, what is spent."""
        return min(self.step / self.steps if self.steps else self.spent / self.seconds, 1.0)

    def go(self, points: int, start_share: float | None = None) -> None:
        """Train until the budget is spent."""
        entry, model, quantizer = self.entry, self.model, codebook_of(self.model)
        phase, started, point = entry.training.phases[0], None, 0
        late = quantizer is not None and quantizer.start_after is not None
        if late:
            start_share = min(quantizer.start_after / phase.steps, 1.0) if start_share is None else start_share
            quantizer.begin_after(NEVER)
        optimizer = build_optimizer(model, entry.training)
        # of a phase of two steps, step 0 is its beginning and step 1 its end
        endless, curve = (phase.model_copy(update={"steps": steps, "warmup": 0}) for steps in (NEVER, 2))
        seed, pin = entry.training.seed, self.device == "cuda"
        last = endless.model_copy(update={"crop": None})
        with (
            Loader(self.data.train, endless, 0, seed, model.plane_axis, pin) as pieces,
            Loader(self.data.train, last, 1, seed, model.plane_axis, pin) as volumes,
        ):
            while point < points:
                loader = pieces if self.share() < self.whole_from else volumes
                if late and self.share() >= start_share and started is None:
                    quantizer.begin_after(1)
                    started = self.step + 1  # quantised from the next step on
                rise = warm(phase, self.step if started is None or self.step < started else self.step - started)
                begin = clock_of(self.device)
                batch = loader.batch(self.step).to(self.device)
                train_step(model, optimizer, batch, entry, rise * learning_rate(curve, self.share()), How(self.device))
                self.spent, self.step = self.spent + clock_of(self.device) - begin, self.step + 1
                self.average.update()
                reached = int(self.share() * points + 1e-9)
                if reached > point:
                    point = reached
                    self.report()

    def report(self) -> None:
        """Scores of the weights as they are, and of their average."""
        self._report("plain")
        with self.average.applied():
            self._report("average")

    def _report(self, weights: str) -> None:
        quantizer = codebook_of(self.model)
        quantised = quantizer is not None and quantizer.has_started()
        for name, sessions in self.data.scored.items():
            scores = score(self.model, sessions, self.device, self.entry.objective.ssim_window) if len(sessions) else {}
            state = {"seconds": round(self.spent, 2), "steps": self.step, "quantised": int(quantised)}
            of = {"budget": self.budget, "model": self.name, "seed": self.entry.training.seed, "weights": weights}
            self.show(of | state | {"scored_on": name, **scores})


def fit(entry: ModelEntry, data: Data, device: str, show: Show) -> None:
    """Fit a model that learns without gradients, and score it."""
    model = models.build(entry.architecture, entry.parameters)
    model.fit(Passes(entry.name, data.train))
    model.to(device)
    for name, sessions in data.scored.items():
        scores = score(model, sessions, device, entry.objective.ssim_window) if len(sessions) else {}
        show({"budget": FIT, "model": entry.name, "seed": 0, "weights": "plain", "scored_on": name, **scores})


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL")
    parser.add_argument("--seconds", type=float, help="of each training; 60 unless steps are given")
    parser.add_argument("--steps", type=int, help="of each training; with seconds too, both budgets are trained")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each model, on as many seeds")
    parser.add_argument("--first-seed", type=int, default=0, help="to go on after a stopped run")
    parser.add_argument("--points", type=int, default=1, help="scores of each training")
    parser.add_argument("--shape", type=int, nargs=3, help="voxels; 72 96 72 on CPUs, 144 192 144 on GPUs")
    parser.add_argument("--subjects", type=int, default=16, help="to train on; a quarter as many more are held out")
    parser.add_argument("--pairs", type=int, help="pairs a step; the model's own otherwise")
    parser.add_argument("--start-share", type=float, help="of the budget, after which the codebook starts")
    parser.add_argument("--demo-size", action="store_true", help="the demo's small networks and their schedules")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    device = resolve_device(arguments.device)
    use_threads(arguments.threads)
    shape = tuple(arguments.shape or ((144, 192, 144) if device == "cuda" else (72, 96, 72)))
    carried = os.environ.get("NEUROQUANT_TESTDATA", "")
    chosen = [requested(text, arguments.demo_size, arguments.seeds) for text in arguments.models]
    lines: list[dict[str, Any]] = []

    def show(line: dict[str, Any]) -> None:
        lines.append(line)
        write(COLUMNS, line)

    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder), shape, arguments.subjects, Path(carried) if carried else None)
        counts = ", ".join(f"{len(sessions)} {name}" for name, sessions in data.scored.items())
        print(f"{len(data.train)} sessions to train on; scored: {counts}", file=sys.stderr)
        print("\t".join(COLUMNS), flush=True)
        for entry in load_models(FITTED, arguments.demo_size):
            fit(entry, data, device, show)
        budgets = [(arguments.seconds, None), (None, arguments.steps)]
        for seconds, steps in [budget for budget in budgets if any(budget)] or [(SECONDS, None)]:
            for trial in range(max(seeds for _, _, seeds in chosen)):  # the first lines compare all models already
                for name, entry, seeds in chosen:
                    if trial < seeds:
                        seed = arguments.first_seed + trial
                        entry = with_phase(entry, batch=arguments.pairs) if arguments.pairs else entry
                        run = Run(name, with_training(entry, seed=seed), data, device, show, seconds, steps)
                        run.go(arguments.points, arguments.start_share)
    print("\n" + "\t".join(RANKING))
    for line in ranking(lines):
        write(RANKING, line)


if __name__ == "__main__":
    main()

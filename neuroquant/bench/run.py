"""Run one benchmark: cohort, volumes, training, scores, with the functions that the workflow's jobs call."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroquant.cohorts.index import index_cohort
from neuroquant.cohorts.inventory import refresh_inventory
from neuroquant.cohorts.shards import write_manifests
from neuroquant.cohorts.source import Source
from neuroquant.cohorts.split import write_splits
from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry
from neuroquant.config.plain import read_json
from neuroquant.errors import InputError
from neuroquant.evaluation.fidelity import score_fidelity
from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard
from neuroquant.files import require_writable, write_json
from neuroquant.job import THREAD_VARIABLES
from neuroquant.model_config import WEIGHTS
from neuroquant.sources import PACKAGE, code_hash
from neuroquant.statistics.computed import Computed
from neuroquant.statistics.gather import gather
from neuroquant.statistics.scores import ScoreFiles, load_scores
from neuroquant.synthetic.bids import write_cohort
from neuroquant.training.identity import identity
from neuroquant.training.job_file import JobFile
from neuroquant.training.run import train
from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
from neuroquant.volumes.work import Preprocessing

MADE_OF = "made_of.json"
"""What a finished part was made of; it comes last, and a part is made again where it says something else."""
LAST = 4
"""Lines of a failed training's log that are shown."""
VOLUMES_CODE = (
    "synthetic/bids.py",
    "cohorts/index.py",
    "cohorts/split.py",
    "cohorts/shards.py",
    "volumes/preprocess.py",
)
"""Modules that decide the volumes."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark and its folder.

    Attributes
    ----------
    experiment : as `setup.experiment_of` gives it
    folder : receives everything; what it holds of an earlier benchmark is used again
    """

    experiment: Experiment
    folder: Path

    @property
    def cohort(self) -> str:
        """The one cohort."""
        return self.experiment.cohorts[0].name

    def volumes(self, split: str) -> Path:
        """The volumes of a split, one shard."""
        return self.folder / f"volumes/{split}-000.h5"

    def model(self, name: str) -> Path:
        """The folder of a model."""
        return self.folder / "models" / name

    def reconstructions(self, name: str) -> Path:
        """A model's reconstructions of the test subjects."""
        return self.folder / "reconstructions" / f"{name}.h5"


def run(bench: Bench, say: Callable[[str], None]) -> Computed:
    """All stages; the intervals and verdicts of the test subjects.

    Parameters
    ----------
    say : shows one line of progress.

    Raises
    ------
    InputError
        If the folder can't be written, or a model doesn't train.
    """
    require_writable(bench.folder / "logs")
    stages = {
        "making synthetic brains and their volumes": make_volumes,
        f"training {', '.join(entry.name for entry in bench.experiment.models)}": train_models,
        "scoring the test subjects": scored,
    }
    for number, (name, stage) in enumerate(stages.items(), start=1):
        say(f"{number}/{len(stages)} {name}")
        with open(bench.folder / f"logs/{stage.__name__}.log", "w", encoding="utf-8") as log:
            with redirect_stdout(log), redirect_stderr(log):
                found = stage(bench)
    return found


def make_volumes(bench: Bench) -> None:
    """The cohort and its volumes, unless the folder has them."""
    experiment, folder = bench.experiment, bench.folder
    parts = {"cohorts": experiment.cohorts, "split": experiment.split, "volume": experiment.volume}
    made_of = {name: _plain(part) for name, part in parts.items()} | {"modalities": list(experiment.modalities)}
    made_of["code"] = code_hash(*(PACKAGE / name for name in VOLUMES_CODE))
    if unchanged(folder / "volumes", made_of):
        return
    (folder / "volumes" / MADE_OF).unlink(missing_ok=True)
    source = Source.of(experiment, bench.cohort, folder / "cohort/bids")
    write_cohort(source.cohort, source.root, source.modalities)
    index = [folder / f"cohort/{name}.tsv" for name in ("inventory", "sessions", "excluded")]
    refresh_inventory(source, index[0])
    index_cohort(source, *index)
    write_splits(index[1], folder / "cohort/splits.tsv", experiment.split, bench.cohort)
    write_manifests(index[1], folder / "cohort/splits.tsv", experiment.shards, folder / "cohort/shards")
    how = Preprocessing(source.root, experiment.volume, experiment.modalities)
    for split in ("train", "test"):
        out = bench.volumes(split)
        files = ShardFiles(out, *(out.with_suffix(f".{kind}.tsv") for kind in ("qc", "excluded")))
        preprocess_shard(folder / f"cohort/shards/{out.stem}.tsv", files, how)
    write_json(folder / "volumes" / MADE_OF, made_of)


def train_models(bench: Bench) -> None:
    """All models that the folder doesn't have: those with a schedule side by side, each in a process of one thread."""
    shard = bench.volumes("train")
    waiting = {}
    for entry in bench.experiment.models:
        made_of = identity(entry, bench.experiment.volume, [shard]) | {"name": entry.name}
        if not ((bench.model(entry.name) / WEIGHTS).is_file() and unchanged(bench.model(entry.name), made_of)):
            waiting[entry.name] = made_of
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for entry in bench.experiment.models:
            if entry.name in waiting:
                (bench.model(entry.name) / MADE_OF).unlink(missing_ok=True)
                if entry.training.phases:
                    started[entry.name] = start_training(bench, entry)
        for entry in bench.experiment.models:
            if entry.name in waiting and entry.name not in started:
                train(job_of(bench, entry))
        for name, process in started.items():
            if process.wait():
                raise failed(name, bench.folder / f"logs/{name}.log")
    finally:
        for process in started.values():
            if process.poll() is None:
                process.terminate()
                process.wait()
    for name, made_of in waiting.items():
        write_json(bench.model(name) / MADE_OF, made_of)


def job_of(bench: Bench, entry: ModelEntry) -> JobFile:
    """The training of one model."""
    return JobFile(
        model=entry,
        volume=bench.experiment.volume,
        train_shards=(bench.volumes("train"),),
        folder=bench.model(entry.name),
        checkpoints=bench.folder / "checkpoints" / entry.name,
        device="cpu",
        threads=1,
    )


def start_training(bench: Bench, entry: ModelEntry) -> subprocess.Popen[bytes]:
    """A process that trains one model and writes to `logs/<model>.log`."""
    path = bench.folder / f"logs/{entry.name}.json"
    write_json(path, _plain(job_of(bench, entry)))
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}
    with open(path.with_suffix(".log"), "wb") as log:
        command = [sys.executable, "-m", "neuroquant.training", str(path)]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


def failed(name: str, log: Path) -> InputError:
    """Why a model didn't train: the last lines of its log."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    said = "\n".join(f"    {line}" for line in lines[-LAST:])
    return InputError(
        f"model {name}", f"its training ended with an error:\n{said}", "a model that trains", f"read {log}"
    )


def scored(bench: Bench) -> Computed:
    """Reconstruct and score the test subjects with every model; intervals and verdicts of all."""
    experiment, numbers, test = bench.experiment, bench.folder / "numbers", bench.volumes("test")
    reconstructions = {entry.name: bench.reconstructions(entry.name) for entry in experiment.models}
    for entry in experiment.models:
        beside = [bench.folder / f"{kind}/{entry.name}" for kind in ("latents", "synthesis", "codes")]
        out = Outputs(reconstructions[entry.name], *(path.with_suffix(".h5") for path in beside))
        reconstruct_shard(Inputs(bench.model(entry.name), test, []), out, None, "cpu", 1)
    scores = numbers / "fidelity/test.tsv"
    score_fidelity(test, reconstructions, experiment.fidelity, scores, 1)
    gather("fidelity", [scores], numbers / "fidelity.tsv")
    for kind in ("dice", "predictions", "regions"):
        gather(kind, [], numbers / f"{kind}.tsv")
    return Computed.of(experiment, load_scores(experiment, ScoreFiles.in_folder(numbers)))


def unchanged(folder: Path, made_of: dict[str, Any]) -> bool:
    """Whether a finished part was made of the same; a note that can't be read counts as another."""
    try:
        return read_json(folder / MADE_OF) == made_of
    except InputError:
        return False


def _plain(part: Any) -> Any:
    """Settings, or a tuple of them, as JSON has them."""
    return [_plain(each) for each in part] if isinstance(part, tuple) else part.model_dump(mode="json")

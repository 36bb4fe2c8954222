"""The small experiment that a benchmark runs: one synthetic cohort, the model, and three to compare it with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroquant import models
from neuroquant.config.experiment import Experiment
from neuroquant.config.load import overridden, resolve_experiment
from neuroquant.config.model import ModelEntry, Phase
from neuroquant.config.named import file_of, merge, read_model, read_yaml
from neuroquant.shipped import CONFIG

COHORT = "bench"
FULL = "neuroquant"
BESIDE = ("mean", "pca", FULL)
"""Models that every benchmark shows: the last is trained as well."""
PIECE = 32
"""Side in voxels of the pieces that a model of volumes trains on, unless its own are given."""
SLICES = 4
"""Sessions a step of a model that trains on slices; of one that trains on volumes it is one."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a benchmark is. The defaults are the demo's volumes, with fewer subjects and steps.

    Attributes
    ----------
    steps : optimizer steps of each trained model at most
    subjects : of the synthetic cohort, with one visit each
    voxel_mm, shape : of the volumes
    """

    steps: int = 300
    subjects: int = 16
    voxel_mm: float = 2.5
    shape: tuple[int, int, int] = (56, 72, 64)


def experiment_of(model: str, size: Size) -> tuple[Experiment, str]:
    """The experiment of one benchmark, and the name of the model in it.

    Parameters
    ----------
    model : name of a model below `models/` here or of a shipped one, or the path of a YAML file.

    Raises
    ------
    InputError
        If there is no such model, or it can't be used at this size.
    """
    own = at_demo_size(model)
    name = str(own["name"])
    others = [at_demo_size(each) for each in BESIDE if each != name]
    shown = {"models": [*BESIDE, name] if name not in BESIDE else list(BESIDE), "cohorts": [COHORT]}
    recipe = {"subjects": size.subjects, "visits_max": 1, "seed": 11, "voxel_mm": size.voxel_mm}
    raw: dict[str, Any] = {
        "experiment": COHORT,
        "cohorts": [{"name": COHORT, "label": "Synthetic", "stand_in": True, "synthetic": recipe}],
        "models": [*others, own],
        "split": {"train": 0.7, "val": 0.0, "test": 0.3, "method": "exact"},
        "shards": {"train": 1, "val": 1, "test": 1},
        "volume": {"shape": list(size.shape)},
        "segmentation": {"engine": "none"},
        "statistics": {"bootstrap": 1000},
        "table1": shown,
        "table2": {"models": [FULL], "cohorts": [COHORT]},
        "figure4": {"cohort": COHORT, "models": [FULL]},
    }
    experiment = resolve_experiment(raw, Path(), model)
    scheduled = "phases" in (own.get("training") or {})
    full = experiment.model(FULL)
    short = [brief(entry, full, size.steps, scheduled or entry.name != name) for entry in experiment.models]
    return experiment.model_copy(update={"models": tuple(short)}), name


def at_demo_size(model: str) -> dict[str, Any]:
    """What the file of a model says, with the demo's sizes where it is a shipped one of an architecture that has some.

    What a user's own file states stays; what it inherits by `extends` doesn't.
    """
    folders = (Path(), CONFIG)
    found, path = read_model(model, folders), file_of(model, "models", folders)
    small = overridden(found, read_yaml(CONFIG / "demo.yaml")["overrides"])
    is_own = not path.resolve().is_relative_to(CONFIG.resolve())
    stated = {key: value for key, value in read_yaml(path).items() if key != "extends"} if is_own else {}
    both = merge(small, stated)
    return {key: value for key, value in both.items() if key != "ablation_of"}  # of a model that isn't shown here


def brief(entry: ModelEntry, full: ModelEntry, steps: int, scheduled: bool) -> ModelEntry:
    """A model with a schedule of so many steps at most, each of few images.

    Parameters
    ----------
    full : NeuroQuant at this size, whose schedule a model gets that states none.
    scheduled : whether the model states one.
    """
    if not entry.training.phases:
        return entry
    # volumes and AdamW suit any network: some take no slices, and Muon none whose matrices are all at its ends
    volumes = tuple(phase for phase in full.training.phases if phase.mode == "3d")
    plain = full.training.model_copy(update={"optimizer": "adamw", "phases": volumes})
    training = entry.training if scheduled else plain
    piece = (PIECE,) * 3 if PIECE % models.divisor(entry.architecture, entry.parameters) == 0 else ()
    total = sum(phase.steps for phase in training.phases)
    share = min(1.0, steps / total)
    phases = tuple(shortened(phase, share, piece) for phase in training.phases)
    seldom = {"log_every": max(1, steps // 10), "checkpoint_every": 1_000_000, "pictures_every": 1_000_000}
    parameters = dict(entry.parameters)
    if parameters.get("start_after"):  # of a codebook that starts late
        parameters["start_after"] = max(1, round(parameters["start_after"] * share))
    changed = training.model_copy(update={"phases": phases, "compile": False, **seldom})
    return entry.model_copy(update={"training": changed, "parameters": parameters})


def shortened(phase: Phase, share: float, piece: tuple[int, ...]) -> Phase:
    """A phase with a share of its steps, on few images a step."""
    steps = max(1, int(round(phase.steps * share, 6)))
    most = SLICES if phase.mode == "2d" else 1
    own = phase.crop if phase.crop or phase.mode == "2d" else piece
    change = {"steps": steps, "warmup": min(phase.warmup, steps // 10), "batch": min(phase.batch, most)}
    return phase.model_copy(update={**change, "accumulate": 1, "crop": own})

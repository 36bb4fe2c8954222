"""Model models of `config/models` for the benchmarks, at the paper's sizes or the demo's."""

from collections.abc import Sequence
from pathlib import Path

from neuroquant.config.load import load_experiment, read_yaml, resolve_experiment
from neuroquant.config.model import ModelEntry

CONFIG = Path(__file__).parents[1] / "config"
DEMO = CONFIG / "demo.yaml"


def load_models(names: Sequence[str], demo_size: bool = False) -> list[ModelEntry]:
    """Models by name, checked and with all defaults filled in; `demo_size` lays the demo's overrides over them."""
    experiment = load_experiment(DEMO, CONFIG)
    known = {entry.name for entry in experiment.models}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"no model {unknown[0]!r}; known are {', '.join(sorted(known))}")
    if not demo_size:
        experiment = resolve_experiment(read_yaml(DEMO) | {"overrides": {}, "volume": {}}, CONFIG, str(DEMO))
    return [experiment.model(name) for name in names]


def with_parameters(entry: ModelEntry, **changes: object) -> ModelEntry:
    """The model with some of its architecture's parameters changed."""
    return entry.model_copy(update={"parameters": entry.parameters | changes})


def with_phase(entry: ModelEntry, **changes: object) -> ModelEntry:
    """The model with another first phase."""
    first, *others = entry.training.phases
    return with_training(entry, phases=(first.model_copy(update=changes), *others))


def with_training(entry: ModelEntry, **changes: object) -> ModelEntry:
    """The model with other settings of its training."""
    return entry.model_copy(update={"training": entry.training.model_copy(update=changes)})

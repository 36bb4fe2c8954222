"""Model rows of `config/models` for the benchmarks, at the paper's sizes or the demo's."""

from collections.abc import Sequence
from pathlib import Path

from neuroquant.config.load import load_experiment, read_yaml, resolve_experiment
from neuroquant.config.model import ModelRow

CONFIG = Path(__file__).parents[1] / "config"
DEMO = CONFIG / "demo.yaml"


def load_rows(names: Sequence[str], demo_size: bool = False) -> list[ModelRow]:
    """Rows by name, checked and with all defaults filled in; `demo_size` lays the demo's overrides over them."""
    experiment = load_experiment(DEMO, CONFIG)
    known = {row.name for row in experiment.models}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"no row {unknown[0]!r}; known are {', '.join(sorted(known))}")
    if not demo_size:
        experiment = resolve_experiment(read_yaml(DEMO) | {"overrides": {}, "volume": {}}, CONFIG, str(DEMO))
    return [experiment.row(name) for name in names]


def with_parameters(row: ModelRow, **changes: object) -> ModelRow:
    """The row with some of its architecture's parameters changed."""
    return row.model_copy(update={"parameters": row.parameters | changes})

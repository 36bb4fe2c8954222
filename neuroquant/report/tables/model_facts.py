"""What each model costs, from the provenance of its model folder and the table of costs, as tables show it."""

import json
from pathlib import Path

import pandas as pd

Costs = dict[str, tuple[str, str, str]]
"""Model -> side reduction, kbit per volume and millions of parameters, as they are shown."""
Seconds = dict[tuple[str, str], tuple[str, str]]
"""(cohort, model) -> seconds of encoding and of decoding one volume, as they are shown."""


def read_costs(provenance: dict[str, Path]) -> Costs:
    """What each model costs.

    Parameters
    ----------
    provenance : dict of str to Path
        Model -> provenance.json of its model folder.
    """
    costs = {}
    for model, path in provenance.items():
        facts = json.loads(path.read_text(encoding="utf-8"))
        size = f"{facts['parameters'] / 1e6:.3g}" if facts["parameters"] else "0"
        costs[model] = (side_reduction(facts["factor"]), kilobits(facts["kbit_per_volume"]), size)
    return costs


def kilobits(value: float) -> str:
    """Kilobits as a table shows them."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def side_reduction(factor: int) -> str:
    """A side reduction as a table shows it; a dash where the latents have no grid."""
    return f"{factor}x" if factor else "-"


def read_seconds(costs: Path) -> Seconds:
    """Seconds per volume that encoding and decoding took.

    Parameters
    ----------
    costs : Path
        costs.csv, as `costs.write_costs` writes it.
    """
    table = pd.read_csv(costs)
    return {
        (line.cohort, line.model): (brief(line.encode_s), brief(line.decode_s))
        for line in table.itertuples(index=False)
    }


def brief(seconds: float) -> str:
    """Seconds as a table shows them; a dash where they weren't measured."""
    if seconds != seconds:
        return "–"
    return f"{seconds:.3g}" if seconds >= 0.001 else "<0.001"


def read_rates(provenance: dict[str, Path]) -> dict[str, float]:
    """Kilobits per volume of each model, from the provenance of its model folder."""
    return {
        model: float(json.loads(path.read_text(encoding="utf-8"))["kbit_per_volume"])
        for model, path in provenance.items()
    }


def read_factors(provenance: dict[str, Path]) -> dict[str, int]:
    """Side reduction of each model, from the provenance of its model folder."""
    return {model: int(json.loads(path.read_text(encoding="utf-8"))["factor"]) for model, path in provenance.items()}

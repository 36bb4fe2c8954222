"""Which setting of the adversary takes the modality out of z_anat, and what it costs.

    python benchmarks/adversary.py VOLUMES [SETTING ...] [--steps 300]

VOLUMES is the folder of an experiment's volumes, e.g. results/demo/volumes. The full model at the demo's size is
trained once for each SETTING on all training shards, with the same seed, sessions and number of steps, and is scored
on the test shards. A SETTING changes keys of the model's objective and parameters: `adversary=0.1+film_trunk=true`.
Without any, those of `SETTINGS` are trained. The first one is what the others are compared with.

Prints a line for each: processor seconds of training, PSNR (dB) of whole test volumes, both modalities, and how far it
is below the first; PSNR from the other modality's codes (equation 13); the accuracy on z_anat of a fresh linear and a
fresh convolutional classifier (0.5: it holds no modality); the share of cells in which T1w and T2w of a session have
the same code, and in which two subjects in one modality have.
"""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from disentanglement import table
from entries import load_models
from time_to_quality import Run
from virtual_data import Data

from neuroquant import models
from neuroquant.config.evaluation import Statistics
from neuroquant.config.model import ModelEntry, Objective
from neuroquant.device import resolve_device, use_threads
from neuroquant.training.data import Sessions

STRONG = "classifier_hidden=64+classifier_layers=3+classifier_view=both+adversary_ramp=100"
SETTINGS = (
    "adversary=0",
    "adversary=1e-3",
    f"adversary=0.1+{STRONG}",
    f"adversary=0.1+film_trunk=true+{STRONG}",
    "adversary=0.3+film_trunk=true+classifier_hidden=64+classifier_layers=2+adversary_ramp=100",
    f"adversary=1+film_trunk=true+{STRONG}",
    "adversary=1e-3+cross=2",
    "adversary=1e-3+cross=2+film_trunk=true",
)
COLUMNS = ("setting", "seconds", "psnr", "cost_db", "swapped_psnr", "linear", "convolutional", "same", "between")


def changed(entry: ModelEntry, setting: str) -> ModelEntry:
    """The model with a setting's keys, each in its objective or among its parameters."""
    objective, parameters = entry.objective.model_dump(), dict(entry.parameters)
    for change in setting.split("+"):
        key, found, text = change.partition("=")
        value = yaml.safe_load(text)
        value = float(value) if isinstance(value, str) and value[:1].isdigit() else value  # YAML reads 1e-3 as text
        target = objective if key in objective else parameters
        if not found or key not in target:
            raise SystemExit(f"{setting}: {change!r} is no KEY=VALUE of {', '.join([*objective, *parameters])}")
        target[key] = value
    checked = models.parameters_class(entry.architecture).model_validate(parameters).model_dump(mode="json")
    return entry.model_copy(update={"objective": Objective(**objective), "parameters": checked})


def line_of(found: pd.DataFrame) -> dict[str, float]:
    """The columns of a setting from all measures of its model."""

    def mean(measure: str, **where: str) -> float:
        rows = found[found.measure == measure]
        for column, value in where.items():
            rows = rows[rows[column] == value]
        return float(rows.value.mean())

    return {
        "psnr": mean("PSNR", by="own codes"),
        "swapped_psnr": mean("PSNR", by="swapped codes"),
        "linear": mean("accuracy", of="z_anat", by="logistic regression"),
        "convolutional": mean("accuracy", of="z_anat", by="convolutional network"),
        "same": mean("same_code", of="session"),
        "between": mean("same_code", of="subjects"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volumes", type=Path)
    parser.add_argument("settings", nargs="*", default=SETTINGS, metavar="SETTING")
    parser.add_argument("--steps", type=int, default=300, help="of each training")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    arguments = parser.parse_args()
    device = resolve_device(arguments.device)
    use_threads(1)
    train, test = (sorted(arguments.volumes.glob(f"*/{split}-*.h5")) for split in ("train", "test"))
    if not train or not test:
        raise SystemExit(f"{arguments.volumes}: no */train-*.h5 or no */test-*.h5; give an experiment's volumes")
    (entry,) = load_models(["neuroquant"], demo_size=True)
    data = Data(Sessions(train), {})
    first: float | None = None
    print("\t".join(COLUMNS), flush=True)
    for setting in arguments.settings:
        run = Run(setting, changed(entry, setting), data, device, lambda _: None, None, arguments.steps)
        run.go(1)
        run.model.eval()
        line: dict[str, Any] = line_of(
            table(run.model, entry.objective.ssim_window, test, device, Statistics(bootstrap=100))
        )
        first = line["psnr"] if first is None else first
        line |= {"setting": setting, "seconds": run.spent, "cost_db": first - line["psnr"]}
        print("\t".join(f"{line[c]:.4g}" if c != "setting" else line[c] for c in COLUMNS), flush=True)


if __name__ == "__main__":
    main()

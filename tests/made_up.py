"""Made-up scores of the demo's models."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from neuroquant.config.load import read_yaml, resolve_experiment
from neuroquant.files import write_tsv
from neuroquant.statistics import metrics
from neuroquant.statistics.cells import write_csv
from neuroquant.statistics.computed import Computed, table_of
from neuroquant.statistics.scores import ScoreFiles, load_scores

CONFIG = Path(__file__).parents[1] / "config"
FAMILIES = {"s0": "f0", "s1": "f0", "s2": "f1", "s3": "f1"}
"""Siblings among the subjects; of the others no family is known."""
SCORED = ("fidelity", "dice", "predictions", "regions")
COMPUTED: dict[str, list[bytes]] = {}
"""What `computed_of` has written, by experiment, metrics and tables."""


@pytest.fixture(scope="session")
def experiment():
    """The demo with all models of the reference group."""
    raw = read_yaml(CONFIG / "demo.yaml")
    raw["models"] += ["identity", "lowpass"]
    return resolve_experiment(raw, CONFIG, "demo.yaml")


def with_modalities(experiment, *modalities):
    """The experiment on other modalities."""
    return experiment.model_copy(update={"modalities": modalities})


@pytest.fixture(scope="session")
def numbers():
    return write_numbers


def write_numbers(folder, experiment, subjects=12):
    """Scores of every modality of the experiment.

    sd_vae is clearly best in PSNR on the first, nobody on the others, and `identity`, a reference, above all.
    """
    generator = np.random.default_rng(0)
    fidelity, dice, guesses, regions = [], [], [], []
    for cohort in ("synthetic_a", "synthetic_b"):
        for number in range(subjects):
            for modality in experiment.modalities:
                own = generator.normal()
                for model in [entry.name for entry in experiment.models]:
                    subject = f"s{number}"
                    key = {"cohort": cohort, "subject": subject, "session": "1", "family": FAMILIES.get(subject, "")}
                    key |= {"modality": modality, "model": model}
                    best = 3.0 if modality == experiment.modalities[0] else 0.0
                    lead = {"identity": 20.0, "sd_vae": best}.get(model, 0.0)
                    value = 25 + own + lead + 0.1 * generator.normal()
                    fidelity.append({**key, "region": "whole", "metric": "psnr", "value": value})
                    fidelity.append({**key, "region": "brain", "metric": "psnr", "value": 0})
                    fidelity.append({**key, "region": "whole", "metric": "ssim", "value": 0.9})
                    dice.append({**key, "structure": "mean", "name": "", "dice": 0.8, "stand_in": "stand-in segmenter"})
                    dice.append({**key, "structure": "11", "name": "", "dice": 0.1, "stand_in": "stand-in segmenter"})
                    for probe in ("seresnet", "linear"):
                        predicted = "F" if probe == "seresnet" else "M"
                        facts = {"probe": probe, "array": "z", "seed": 0, "sex": "F", "probability": 0.9}
                        guesses.append({**key, **facts, "predicted": predicted})
                    for region in ("cerebellum_cortex", "caudate"):
                        regions.append(
                            {**key, "region": region, "mm3": 5000 + 100 * own, "stand_in": "stand-in segmenter"}
                        )
                        if model == "neuroquant":
                            regions.append({**regions[-1], "model": "reference", "mm3": 5000 + 90 * own})
    for name, table in zip(SCORED, (fidelity, dice, guesses, regions), strict=True):
        write_tsv(pd.DataFrame(table), folder / f"{name}.tsv")


def scores_of(folder, experiment):
    """All scores of the gathered tables in a folder."""
    return load_scores(experiment, ScoreFiles.in_folder(folder))


def computed_of(folder, experiment):
    """What one job computes of the gathered tables in a folder, as the other jobs read it.

    Equal tables are computed once per process. A test of the computation itself clears `COMPUTED` first.
    """
    paths = [folder / f"computed_{name}.csv" for name in ("cells", "tests", "against_mean")]
    tables = sorted((path.name, path.read_bytes()) for path in folder.glob("*.tsv") if path.stem in SCORED)
    key = repr((experiment.model_dump(exclude={"report"}), metrics.METRICS, tables))
    if key not in COMPUTED:
        Computed.of(experiment, scores_of(folder, experiment)).write(*paths)
        COMPUTED[key] = [path.read_bytes() for path in paths]
    for path, content in zip(paths, COMPUTED[key], strict=True):
        path.write_bytes(content)
    return Computed.read(*paths)


def write_table(folder, experiment, table="table1"):
    """Write cells and tests of a table, as its job does, and read them again."""
    computed = computed_of(folder, experiment)
    paths = folder / f"{table}.csv", folder / f"{table}_tests.csv"
    write_csv(table_of(experiment, table, computed), paths[0])
    write_csv(computed.tests_of(table), paths[1])
    return tuple(map(pd.read_csv, paths))

"""The page on adding a model says what is true: its files are copied out, trained, scored and decoded with."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
START = """
import dataclasses
import sys
from pathlib import Path

import torch

from neuroquant import models
from neuroquant.config.evaluation import Statistics
from neuroquant.config.load import read_yaml, resolve_experiment
from neuroquant.config.model import ModelEntry, Phase, Training
from neuroquant.evaluation.disentanglement import write_disentanglement
from neuroquant.evaluation.fidelity import Scoring
from neuroquant.evaluation.latents import export_latents
from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard
from neuroquant.files import read_tsv
from neuroquant.model_folder import load_model

sys.path.insert(0, sys.argv[1])
from tests.training.helpers import train, write_volumes

SHORT = Training(phases=(Phase(steps=3, batch=2, lr=1e-3),), log_every=1, checkpoint_every=2)
here = Path(".")


def judged(folder):
    "Latents and tables of the trained model of a folder on two test subjects."
    test = write_volumes(folder / "test.h5", "test", 2, families=2)
    export_latents(folder / "model", [folder / "train.h5"], [folder / "t.h5"], "cpu", 1)
    out = Outputs(*(folder / name for name in ("r.h5", "l.h5", "synthesis.tsv", "codes.tsv")))
    reconstruct_shard(Inputs(folder / "model", test, [folder / "t.h5"]), out, Scoring.of_synthesis(5), "cpu", 1)
    write_disentanglement([test], {"m": [out.latents]}, Statistics(bootstrap=50), folder / "apart.tsv", 1)
    return [read_tsv(folder / name) for name in ("synthesis.tsv", "codes.tsv", "apart.tsv")]
"""
PLAIN = """
config = Path("config")
raw = read_yaml(config / "demo.yaml")
raw["models"] = [*raw["models"], "my_model"]
entry = resolve_experiment(raw, config, "mine.yaml").model("my_model")
assert entry.shown == "My model" and entry.parameters == {"width": 64}
train(here, write_volumes(here / "train.h5"), (), entry.model_copy(update={"training": SHORT}))
model, _, _ = load_model(Path("model"))
x = torch.rand(1, 1, 16, 16, 16)
assert model.decode(model.encode(x, torch.zeros(1)), torch.zeros(1)).shape == x.shape
synthesis, codes, apart = judged(here)
assert len(synthesis) == len(codes) == len(apart) == 0, "what a model doesn't offer leaves tables empty"
print(model.bits((16, 16, 16)))
"""
BENCH = """
import re

from neuroquant.bench import setup, show
from neuroquant.bench.run import Bench, run

size = setup.Size(steps=3, subjects=10, voxel_mm=7.0, shape=(32, 32, 32))
experiment, name = setup.experiment_of("my_model", size)
bench = Bench(experiment, here / "bench")
computed = run(bench, print)
show.picture(bench, computed, here / "my_model.png")
print(*re.findall("^my_model +(T[12]w)", show.table(bench, computed), re.MULTILINE))
"""
SWAPS = """
entry = ModelEntry(name="m", architecture="baselines.my_swap", training=SHORT)
train(here, write_volumes(here / "train.h5", only_t1=1), (), entry)
assert "swap" in read_tsv(here / "model/training.tsv")
synthesis, codes, apart = judged(here)
assert set(synthesis.appearance) == {"paired", "typical", "source"} and len(codes) == 0
assert set(zip(apart.of, apart.role)) == {("anatomy", "anatomy"), ("tone", "appearance")}
assert set(apart.measure) == {"accuracy"}, "without codes none are compared"
print("swapped")
"""
LESS = """
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.baselines.my_swap import network

del network.Tinted.losses, network.Tinted.modality_rows
network.Parts.ANATOMY = network.Parts.APPEARANCE = ()
entry = ModelEntry(name="m", architecture="baselines.my_swap", training=SHORT)
train(here, write_volumes(here / "train.h5"), (), entry)
synthesis, codes, apart = judged(here)
assert len(synthesis) and len(codes) == len(apart) == 0
print("less")
"""


@pytest.fixture
def followed(tmp_path):
    """The page followed to the letter in a copy of the project: its files under config/ and among the baselines."""
    text = (ROOT / "docs/adding-a-model.md").read_text()
    (entry,), codes = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("yaml", "python"))
    for folder in ("config", "neuroquant"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "config/models/my_model.yaml").write_text(entry)
    for code in codes:
        path = tmp_path / re.match(r"# (neuroquant/\S+\.py)\n", code)[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
    first = [line for code in codes[:2] for line in code.splitlines() if line.strip()]
    assert len(first) < 40, "a new architecture in under 40 lines"
    return tmp_path


def ran(folder, script):
    """The last line that a script prints in the copy of the project."""
    done = subprocess.run(
        [sys.executable, "-c", START + script, str(ROOT)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_first_model_of_the_page_trains_is_scored_and_comes_back(followed):
    assert ran(followed, PLAIN) == str(32 * 64 * 4**3)


def test_the_first_model_of_the_page_can_be_benchmarked(followed):
    assert ran(followed, BENCH) == "T1w T2w" and (followed / "my_model.png").is_file()


def test_the_model_of_the_page_that_swaps_modalities_is_scored_on_that_too(followed):
    assert ran(followed, SWAPS) == "swapped"


def test_a_model_that_swaps_and_offers_nothing_else_leaves_the_other_cells_empty(followed):
    assert ran(followed, LESS) == "less"

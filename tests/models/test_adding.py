"""The page on adding a model says what is true: its row and its module are copied out and trained."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLLOWED = """
import sys
from pathlib import Path

import torch

from neuroquant.config.load import read_yaml, resolve_experiment
from neuroquant.config.model import Phase, Training
from neuroquant.model_folder import load_model

sys.path.insert(0, sys.argv[1])
from tests.training.helpers import train, write_volumes

config = Path("config")
raw = read_yaml(config / "demo.yaml")
raw["models"] = [*raw["models"], "my_row"]
raw["table1"]["rows"] = [*raw["table1"]["rows"], "my_row"]
row = resolve_experiment(raw, config, "mine.yaml").row("my_row")
assert row.shown == "My row" and row.parameters == {"width": 64}
short = Training(phases=(Phase(steps=3, batch=2, lr=1e-3),), log_every=1, checkpoint_every=2)
train(Path("."), write_volumes(Path("train.h5")), (), row.model_copy(update={"training": short}))
model, _, _ = load_model(Path("model"))
x = torch.rand(1, 1, 16, 16, 16)
assert model.decode(model.encode(x, torch.zeros(1)), torch.zeros(1)).shape == x.shape
print(model.bits((16, 16, 16)))
"""


@pytest.fixture
def followed(tmp_path):
    """The page followed to the letter in a copy of the project: its row in config/, its module among the baselines."""
    text = (ROOT / "docs/adding-a-model.md").read_text()
    (row,), (code,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("yaml", "python"))
    lines = [line for line in (row + code).splitlines() if line.strip()]
    assert len(lines) < 30, "a new row in under 30 lines"
    for folder in ("config", "neuroquant"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "config/models/my_row.yaml").write_text(row)
    (tmp_path / "neuroquant/models/baselines/my_model.py").write_text(code)
    return tmp_path


def test_the_row_and_the_module_of_the_page_train_and_come_back(followed):
    done = subprocess.run(
        [sys.executable, "-c", FOLLOWED, str(ROOT / "tests/training")],
        cwd=followed,
        env=os.environ | {"PYTHONPATH": str(followed), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(32 * 64 * 4**3)

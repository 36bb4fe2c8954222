"""The page on adding a model says what is true: its row and its module are copied out and trained."""

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch

from neuroquant import models
from neuroquant.config.load import read_yaml, resolve_experiment
from neuroquant.config.model import Phase, Training
from neuroquant.model_folder import load_model

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from helpers import train, write_volumes  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs/adding-a-model.md"


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The page followed to the letter: its row in a copy of config/, its module among the baselines."""
    text = PAGE.read_text()
    (row,), (code,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("yaml", "python"))
    lines = [line for line in (row + code).splitlines() if line.strip()]
    assert len(lines) < 30, "a new row in under 30 lines"
    shutil.copytree(PAGE.parents[1] / "config", tmp_path / "config")
    (tmp_path / "config/models/my_row.yaml").write_text(row)
    (tmp_path / "my_model.py").write_text(code)
    name = "neuroquant.models.baselines.my_model"
    spec = importlib.util.spec_from_file_location(name, tmp_path / "my_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, name, module)
    known = [*models.architectures(), "baselines.my_model"]
    monkeypatch.setattr(models, "architectures", lambda: known)
    return tmp_path / "config"


def test_the_row_and_the_module_of_the_page_train_and_come_back(tmp_path, page):
    raw = read_yaml(page / "demo.yaml")
    raw["models"] = [*raw["models"], "my_row"]
    raw["table1"]["rows"] = [*raw["table1"]["rows"], "my_row"]
    row = resolve_experiment(raw, page, "mine.yaml").row("my_row")
    assert row.shown == "My row" and row.parameters == {"width": 64}
    short = Training(phases=(Phase(steps=3, batch=2, lr=1e-3),), log_every=1, checkpoint_every=2)
    train(tmp_path, write_volumes(tmp_path / "train.h5"), (), row.model_copy(update={"training": short}))
    model, _, _ = load_model(tmp_path / "model")
    x = torch.rand(1, 1, 16, 16, 16)
    assert model.decode(model.encode(x, torch.zeros(1)), torch.zeros(1)).shape == x.shape
    assert model.bits((16, 16, 16)) == 32 * 64 * 4**3

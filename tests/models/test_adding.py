"""The page on adding a model says what is true: its example is copied out, trained and scored."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch

from neuroquant import models
from neuroquant.config.model import ModelRow, Phase, Training
from neuroquant.model_folder import load_model

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from helpers import train, write_volumes  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs/adding-a-model.md"


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The page's module as if it lay among the baselines."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) < 30, "a new row in under 30 lines"
    (tmp_path / "my_model.py").write_text(code)
    name = "neuroquant.models.baselines.my_model"
    spec = importlib.util.spec_from_file_location(name, tmp_path / "my_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, name, module)
    known = [*models.architectures(), "baselines.my_model"]
    monkeypatch.setattr(models, "architectures", lambda: known)
    return "baselines.my_model"


def test_the_example_of_the_page_trains_and_comes_back(tmp_path, example):
    schedule = Training(phases=(Phase(steps=3, batch=2, lr=1e-3),), log_every=1, checkpoint_every=2)
    row = ModelRow(name="mine", architecture=example, parameters={"width": 4}, training=schedule)
    train(tmp_path, write_volumes(tmp_path / "train.h5"), (), row)
    model, _, _ = load_model(tmp_path / "model")
    x = torch.rand(1, 1, 16, 16, 16)
    assert model.decode(model.encode(x, torch.zeros(1)), torch.zeros(1)).shape == x.shape

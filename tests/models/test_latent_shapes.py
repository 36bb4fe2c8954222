"""What is planned with, without torch, is what the networks give."""

from pathlib import Path

import pytest
import torch

from neuroquant import models
from neuroquant.config.load import load_experiment, resolve_experiment
from neuroquant.models import latent_shapes, plane_axis
from tests.test_architecture import OWN_LATENTS

CONFIG = Path(__file__).parents[2] / "config"
MODELS = sorted(path.stem for path in (CONFIG / "models").glob("*.yaml"))
SHAPE = (32, 48, 64)


@pytest.fixture(scope="module")
def entries():
    demo = load_experiment(CONFIG / "demo.yaml", CONFIG).model_dump(mode="json")
    demo |= {"overrides": {}, "volume": {}, "models": sorted({*MODELS, *(entry["name"] for entry in demo["models"])})}
    return {entry.name: entry for entry in resolve_experiment(demo, CONFIG, "x").models}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_shipped_models_latents_have_the_shapes_and_the_kind_that_are_planned_with(name, entries):
    entry = entries[name]
    # models that are fitted rather than trained have the sides of their training volumes
    fitted = {"shape": SHAPE} if "shape" in entry.parameters else {}
    on_cpu = fitted or "kbit" in entry.parameters or entry.architecture == "neuroquant"
    with torch.device("cpu" if on_cpu else "meta"), torch.inference_mode():
        model = models.build(entry.architecture, entry.parameters | fitted).eval()
        found = model.encode(torch.zeros(1, 1, *SHAPE), torch.zeros(1, dtype=torch.long))
    assert model.bits(SHAPE) == models.bits(entry.architecture, entry.parameters, SHAPE)
    assert {name: tuple(latent.shape[1:]) for name, latent in found.arrays().items()} == latent_shapes(
        entry.architecture, entry.parameters, SHAPE
    )
    assert model.plane_axis == plane_axis(entry.parameters), "budgets count the slices of that plane"
    whole = {name for name, latent in found.arrays().items() if not latent.is_floating_point()}
    assert whole == set(models.spec(entry.architecture).whole_numbers)
    assert set(found.arrays()) <= OWN_LATENTS, "tests/test_architecture.py looks for their names"

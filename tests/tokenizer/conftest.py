"""Small models as training leaves them, and a head that they encode."""

import pytest
import torch

from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.model_folder import save_model
from tests.training.helpers import PARAMETERS
from tests.volumes.heads import Shard

SIDES = (32, 32, 32)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders of a small NeuroQuant, of the entry that does nothing, and of one without latents."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    volume = Volume(shape=SIDES, percentiles=(0.0, 100.0), brain_ml_min=10, structure_min=0, match_min=0)
    settings = {"neuroquant": ("neuroquant", PARAMETERS), "identity": ("baselines.lowpass", {"factor": 1})}
    settings["mean"] = ("baselines.mean", {"shape": SIDES})
    for name, (architecture, parameters) in settings.items():
        model = models.build(architecture, parameters)
        entry = ModelEntry(name=name, architecture=architecture, parameters=parameters)
        save_model(folder / name, model, entry, volume, {})
    return folder


@pytest.fixture
def scans(tmp_path):
    """T1w and T2w of a skull-stripped head, LPS, 2 mm."""
    shard = Shard(tmp_path)
    shard.add("a")
    return tmp_path / "a_T1w.nii.gz", tmp_path / "a_T2w.nii.gz"

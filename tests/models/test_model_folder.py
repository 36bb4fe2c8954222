"""A model folder: exact, complete, and refused where it doesn't fit."""

import json

import pytest
import torch

from neuroquant import models
from neuroquant.config.model import ModelRow
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.model_folder import load_model, save_model

SMALL = {
    "channels": (4, 8, 8, 8),
    "codebook_size": 12,
    "code_dim": 6,
    "c_m": 4,
    "c_s": 4,
    "film_hidden": 8,
    "classifier_hidden": 12,
    "start_after": 0,
}
VOLUME = Volume(shape=(16, 16, 16))


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    row = ModelRow(name="row", architecture="neuroquant", parameters=SMALL)
    model = models.build("neuroquant", SMALL).train()
    model.encode_train(torch.rand(1, 1, 16, 16, 16))
    model.quantizer.update()
    save_model(tmp_path, model, row, VOLUME, {"steps": 1})
    return tmp_path, model, row


def test_weights_and_codebook_come_back_bit_for_bit(folder):
    path, model, row = folder
    loaded, loaded_row, volume = load_model(path)
    assert loaded_row.model_dump(mode="json") == row.model_dump(mode="json")
    assert volume == VOLUME and not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    assert loaded.quantizer.embedding.abs().sum() > 0


def test_truncated_weights_are_named(folder):
    weights = folder[0] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(InputError, match="model.safetensors"):
        load_model(folder[0])


def test_weights_of_another_configuration_are_refused_with_what_differs(folder):
    config = json.loads((folder[0] / "config.json").read_text())
    config["row"]["parameters"]["codebook_size"] = 20
    (folder[0] / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"quantizer.count is \(12,\), not \(20,\)"):
        load_model(folder[0])


def test_no_pickle_is_written(folder):
    assert sorted(path.suffix for path in folder[0].iterdir()) == [".json", ".json", ".safetensors"]

"""A model folder: exact, complete, and refused where it doesn't fit."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from neuroquant import models
from neuroquant.config.model import ModelEntry, Objective, Perceptual, Weights
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
    entry = ModelEntry(name="model", architecture="neuroquant", parameters=SMALL)
    model = models.build("neuroquant", SMALL).train()
    model.encode_train(torch.rand(1, 1, 16, 16, 16))
    model.quantizer.update()
    save_model(tmp_path, model, entry, VOLUME, {"steps": 1})
    return tmp_path, model, entry


def test_weights_and_codebook_come_back_bit_for_bit(folder):
    path, model, entry = folder
    loaded, loaded_entry, volume = load_model(path)
    assert loaded_entry.model_dump(mode="json") == entry.model_dump(mode="json")
    assert volume == VOLUME and not loaded.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    assert loaded.quantizer.embedding.abs().sum() > 0


def test_loading_leaves_random_numbers_alone(folder):
    path, _, _ = folder
    before = torch.get_rng_state()
    load_model(path)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_network_of_ours_needs_the_compiler_to_be_loaded(folder, tmp_path):
    """PyTorch's compiler takes longer to load than all weights."""
    folders = [folder[0]]
    for kind in ("fsq", "simvq", "residual"):
        parameters = SMALL | {"codebook_size": 64, "quantizer": {"kind": kind}}
        entry = ModelEntry(name=kind, architecture="neuroquant", parameters=parameters)
        folders.append(tmp_path / kind)
        save_model(folders[-1], models.build("neuroquant", parameters), entry, VOLUME, {})
    parameters = {"width": 8, "mults": (1, 1), "z_channels": 8, "groups": 4, "blocks": 1, "words": 20, "embed": 4}
    entry = ModelEntry(name="vqgan", architecture="baselines.vqgan", parameters=parameters)
    folders.append(tmp_path / "vqgan")
    save_model(folders[-1], models.build("baselines.vqgan", parameters), entry, VOLUME, {})
    code = "import sys; from neuroquant.model_folder import load_model\n"
    code += f"for path in {list(map(str, folders))}: load_model(path)\n"
    code += "print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_no_folder_of_the_machine_that_trained_it_is_saved(folder, tmp_path):
    _, model, entry = folder
    weights = Weights(filename="w.pth", folder="/home/somebody/weights", licence="MIT")
    objective = Objective(perceptual=Perceptual(vgg=weights, linear=weights))
    save_model(
        tmp_path / "own", model, entry.model_copy(update={"weights": weights, "objective": objective}), VOLUME, {}
    )
    assert "somebody" not in (tmp_path / "own/config.json").read_text()
    assert load_model(tmp_path / "own")[1].weights.filename == "w.pth"


def test_truncated_weights_are_named(folder):
    weights = folder[0] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(InputError, match="model.safetensors"):
        load_model(folder[0])


def test_weights_of_another_configuration_are_refused_with_what_differs(folder):
    config = json.loads((folder[0] / "config.json").read_text())
    config["model"]["parameters"]["codebook_size"] = 20
    (folder[0] / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"quantizer.count is \(12,\), not \(20,\)"):
        load_model(folder[0])


def test_a_folder_of_a_newer_version_says_how_to_get_it(folder):
    config = json.loads((folder[0] / "config.json").read_text())
    (folder[0] / "config.json").write_text(json.dumps(config | {"format": 99, "model": "in another form"}))
    with pytest.raises(InputError, match="(?s)format 99, which a newer version saved.*pip install --upgrade"):
        load_model(folder[0])


def test_a_folder_of_before_formats_had_numbers_is_read(folder):
    config = json.loads((folder[0] / "config.json").read_text())
    assert config.pop("format") and len(config.pop("weights_sha256")) == 64
    (folder[0] / "config.json").write_text(json.dumps(config))
    assert load_model(folder[0])[1].name == "model"


def test_weights_of_which_one_byte_was_damaged_on_the_way_are_noticed(folder):
    weights = folder[0] / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1  # still readable, still finite
    weights.write_bytes(raw)
    with pytest.raises(InputError, match="(?s)model.safetensors.*SHA-256 begins with"):
        load_model(folder[0])


def test_no_pickle_is_written(folder):
    assert sorted(path.suffix for path in folder[0].iterdir()) == [".json", ".json", ".safetensors"]


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "3", "[" * 100_000, "9" * 5000, "{}", '{"model": 1, "volume": {}}', '{"model": {}, "volume": []}',
        '{"model": {"name": "a", "architecture": "os.path"}, "volume": {}}',
        '{"model": {"name": "a", "architecture": ["neuroquant"]}, "volume": {}}',
        '{"model": {"name": "../a", "architecture": "neuroquant"}, "volume": {}}',
    ],
)  # fmt: skip
def test_a_configuration_that_is_none_is_refused_in_a_sentence(folder, text):
    (folder[0] / "config.json").write_text(text)
    with pytest.raises(InputError, match="config.json|architecture"):
        load_model(folder[0])


def changed(folder, **parameters):
    """The folder, with other parameters in its configuration."""
    config = json.loads((folder / "config.json").read_text())
    config["model"]["parameters"] |= parameters
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    "parameters", [{"heads": 3}, {"channels": [4, "x"]}, {"channels": 9}, {"depth": 1}, {"codebook_size": None}]
)
def test_parameters_of_no_network_are_refused_in_a_sentence(folder, parameters):
    with pytest.raises(InputError, match="parameters"):
        load_model(changed(folder[0], **parameters))


def test_a_network_larger_than_any_memory_is_refused_without_making_it(folder):
    with pytest.raises(InputError, match="tensors of the configuration|no network can be built"):
        load_model(changed(folder[0], codebook_size=10**9, code_dim=10**6))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused_and_named(folder, value):
    state = load_file(folder[0] / "model.safetensors")
    state["head_anat.conv.weight"].view(-1)[0] = value
    save_file(state, folder[0] / "model.safetensors")
    with pytest.raises(InputError, match="1 values of head_anat.conv.weight are NaN or infinite"):
        load_model(folder[0])


@pytest.mark.parametrize("architecture", models.architectures())
def test_every_network_shows_its_shapes_without_taking_memory(architecture):
    parameters = models.parameters_class(architecture)().model_dump()
    known = {"shape": (16, 16, 16), "kbit": 5}  # what an experiment or a fit says
    parameters |= {name: value for name, value in known.items() if name in parameters}
    with torch.device("meta"):
        model = models.build(architecture, parameters)
    assert all(tensor.is_meta for tensor in model.parameters())

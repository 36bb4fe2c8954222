"""Tokens for another network, and on disk."""

import numpy as np
import pytest
import torch

import neuroquant
from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.evaluation.latents import export_latents
from neuroquant.model_folder import save_model
from neuroquant.tokenizer import Tokens, read_tokens
from tests.training.helpers import PARAMETERS
from tests.volumes.heads import Shard


@pytest.fixture(scope="module")
def tokenizer(folders):
    return neuroquant.load(folders / "neuroquant", "cpu")


def test_indices_are_a_grid_of_codes_where_the_codebook_has_started(tokenizer, scans, monkeypatch):
    assert tokenizer.encode(scans[0]).indices is None, "a codebook that hasn't started gives none"
    monkeypatch.setattr(type(tokenizer.model.quantizer), "has_started", lambda self: True)
    tokens = tokenizer.encode(scans[0])
    grid = tokens.indices
    assert grid.dtype == torch.int64 and grid.shape == (2, 2, 2)
    assert 0 <= int(grid.min()) and int(grid.max()) < tokenizer.model.codebook_size
    latents = tokenizer.model.latents_class.of({name: torch.from_numpy(a)[None] for name, a in tokens.latents.items()})
    assert torch.equal(grid.flatten(), tokenizer.model.codes(latents).flatten())


@pytest.mark.parametrize(
    ("quantizer", "size", "books"),
    [({"kind": "fsq"}, 16, 1), ({"kind": "simvq"}, 16, 1), ({"kind": "residual"}, 4, 2)],
)
def test_indices_of_every_quantiser_survive_their_file_and_decode_to_the_latent(
    scans, tmp_path, quantizer, size, books
):
    torch.manual_seed(0)
    parameters = {**PARAMETERS, "codebook_size": 16, "quantizer": quantizer, "start_after": 0}
    model = models.build("neuroquant", parameters).train()
    model.encode_train(torch.rand(2, 1, 32, 32, 32))
    entry = ModelEntry(name="model", architecture="neuroquant", parameters=parameters)
    volume = Volume(shape=(32, 32, 32), percentiles=(0.0, 100.0), brain_ml_min=10, structure_min=0, match_min=0)
    save_model(tmp_path / "model", model, entry, volume, {})
    tokenizer = neuroquant.load(tmp_path / "model", "cpu")
    assert tokenizer.model.codebook_size == size
    tokens = tokenizer.encode(scans[0])
    tokens.save(tmp_path / "tokens.h5")
    again = Tokens.load(tmp_path / "tokens.h5")
    assert again.indices.shape == ((2, 2, 2) if books == 1 else (books, 2, 2, 2)) and int(again.indices.max()) < size
    assert torch.equal(again.indices, tokens.indices)
    with torch.no_grad():
        decoded = tokenizer.model.quantizer.decode(again.indices.view(1, books, 2, 2, 2))[0]
    torch.testing.assert_close(decoded, tokens.to_tensor(), rtol=1e-5, atol=1e-5)
    # kept as float16
    np.testing.assert_allclose(tokenizer.decode(again).get_fdata(), tokenizer.decode(tokens).get_fdata(), atol=3)


def test_a_model_without_a_codebook_has_no_indices(folders, scans):
    tokens = neuroquant.load(folders / "identity", "cpu").encode(scans[0])
    assert tokens.indices is None and tokens.to_tensor().shape == (1, 32, 32, 32)


def test_a_tensor_is_the_latent_that_probes_read_or_one_by_name(tokenizer, scans):
    tokens = tokenizer.encode(scans[0])
    wanted = tokenizer.model.probe_latent
    assert tokens.main == wanted and np.array_equal(tokens.to_tensor().numpy(), tokens.latents[wanted])
    for name, latent in tokens.latents.items():
        assert torch.equal(tokens.to_tensor(name), torch.from_numpy(latent))
    with pytest.raises(InputError, match="(?s)no latent 'nothing'.*one of"):
        tokens.to_tensor("nothing")


def test_a_model_without_latents_says_so(folders, scans):
    with pytest.raises(InputError, match="this one has none"):
        neuroquant.load(folders / "mean", "cpu").encode(scans[0]).to_tensor()


def test_tokens_survive_their_file(tokenizer, scans, tmp_path):
    tokens = tokenizer.encode(scans[0])
    tokens.save(tmp_path / "tokens.h5")
    again = Tokens.load(tmp_path / "tokens.h5")
    for name in ("model", "weights", "codes", "main"):
        assert getattr(again, name) == getattr(tokens, name), name
    assert again.record.geometry == tokens.record.geometry and again.to_tensor().shape == tokens.to_tensor().shape


def test_latents_of_the_workflow_are_tokens_too_but_not_of_one_scan(folders, tokenizer, scans, tmp_path):
    shard = Shard(tmp_path)
    shard.add("a")
    shard.run(percentiles=(0.0, 100.0))
    export_latents(folders / "neuroquant", [tmp_path / "out/test-000.h5"], [tmp_path / "latents.h5"], "cpu", 1)
    first, second = read_tokens(tmp_path / "latents.h5")
    assert first.main == tokenizer.model.probe_latent and second.to_tensor().ndim == 4
    with pytest.raises(InputError, match="(?s)tokens of 2 scans.*read_tokens"):
        Tokens.load(tmp_path / "latents.h5")

"""A training of every quantiser: it learns, resumes to the same bits, and its codes are counted, coded and decoded."""

import os
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from neuroquant import models
from neuroquant.evaluation.latents import export_latents
from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard
from neuroquant.files import read_tsv
from neuroquant.model_folder import load_model
from neuroquant.store.arrays import ArrayFile
from neuroquant.tokenizer import read_tokens
from neuroquant.training import loop
from tests.training.helpers import PARAMETERS, SHAPE, STEPS, make_entry, train, write_volumes
from tests.training.test_host_sync import step as step_without_data

KINDS = {
    "ema, rotation": {"kind": "ema", "rotation": True},
    "fsq": {"kind": "fsq"},
    "simvq": {"kind": "simvq"},
    "simvq, rotation": {"kind": "simvq", "rotation": True},
    "residual": {"kind": "residual"},
    "residual, rotation": {"kind": "residual", "stages": 4, "rotation": True},
}
"""Besides the default, which every other test of this folder trains."""
STARTING = ("ema", "residual")


def parameters_of(name):
    return {**PARAMETERS, "codebook_size": 16, "quantizer": KINDS[name]}


@pytest.fixture(scope="module", params=KINDS)
def trained(request, tmp_path_factory, shards):
    """Name, entry and folder of a training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("trained")
    entry = make_entry(parameters=parameters_of(request.param))
    train(folder, shards[0], val=shards[1:], entry=entry)
    return request.param, entry, folder


def test_it_moves_its_weights_and_logs_the_use_of_its_codes(trained):
    name, entry, folder = trained
    log = read_tsv(folder / "model/training.tsv", ("step", "vq", "usage", "perplexity", "loss"))
    volumes = log[log["mode"] == "3d"]
    late = volumes[volumes.step > 2]
    assert np.isfinite(log.loss).all() and (late.perplexity >= 1).all() and (late.usage > 0).all()
    assert (late.vq > 0).all() == (KINDS[name]["kind"] != "fsq")
    state = load_file(folder / "model/model.safetensors")
    torch.manual_seed(entry.training.seed)
    fresh = models.build("neuroquant", entry.parameters).state_dict()
    learned = {"fsq": "quantizer.leave.weight", "simvq": "quantizer.transform.weight", "ema": "quantizer.embedding"}
    key = learned.get(KINDS[name]["kind"], "quantizer.stages.1.embedding")
    assert not torch.equal(state[key], fresh[key])
    if KINDS[name]["kind"] == "simvq":
        assert torch.equal(state["quantizer.basis"], fresh["quantizer.basis"]), "its codes are frozen"
    assert int(state["quantizer.updates"]) == 6, "once per step on volumes"


@pytest.mark.parametrize("at", [2, 5, 8])
def test_stopped_and_resumed_it_ends_with_the_same_bits(trained, tmp_path, shards, monkeypatch, at):
    _, entry, folder = trained
    step, calls = loop.train_step, []

    def disturbed(*arguments):
        calls.append(1)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(*arguments)

    monkeypatch.setattr(loop, "train_step", disturbed)
    with pytest.raises(loop.Interrupted):
        train(tmp_path, shards[0], entry=entry)
    torch.manual_seed(99)
    found, expected = train(tmp_path, shards[0], entry=entry), load_file(folder / "model/model.safetensors")
    assert len(calls) == STEPS and found.keys() == expected.keys()
    assert [key for key in found if not torch.equal(found[key], expected[key])] == []


def test_its_codes_are_kept_counted_and_coded_at_their_bits(trained, tmp_path, shards):
    name, entry, folder = trained
    test = write_volumes(tmp_path / "test.h5", "test", 2, seed=5)
    export_latents(folder / "model", [shards[0]], [tmp_path / "latents.h5"], "cpu", 1)
    out = Outputs(*(tmp_path / part for part in ("r.h5", "l.h5", "s.tsv", "c.tsv")))
    reconstruct_shard(Inputs(folder / "model", test, [tmp_path / "latents.h5"], [shards[1]]), out, None, "cpu", 1)
    facts, latents = ArrayFile(out.reconstructions).attributes, ArrayFile(out.latents)
    bits = models.bits("neuroquant", entry.parameters, SHAPE)
    assert bits == 4 + 32 * PARAMETERS["c_m"], "one token of 16 codes, and the pooled z_mod"
    assert facts["kbit_per_volume"] == pytest.approx(bits / 1000)
    books = models.latent_shapes("neuroquant", entry.parameters, SHAPE)["indices"][0]
    words = round(1000 * facts["kbit_coded"]) - 32 * PARAMETERS["c_m"]
    assert 0 < words <= 64, "a few words of 32 bits for all groups together, z_mod as it is"
    counted = read_tsv(out.codes, ("tokens", "size", "codebook"))
    assert counted.codebook.nunique() == books and set(counted["size"]) == {round(16 ** (1 / books))}
    assert counted.tokens.sum() == 4 * books, "a token per image"
    model, _, _ = load_model(folder / "model")
    codes = torch.from_numpy(np.array(latents.view(latents.attributes["codes"])))
    with torch.no_grad():
        z_q = model.quantizer.decode(codes.long())
    kept = torch.from_numpy(np.array(latents.view("z_q"))).float()
    torch.testing.assert_close(kept, z_q, rtol=2e-3, atol=2e-3)
    first, *_ = read_tokens(out.latents)
    assert first.indices.shape == ((1, 1, 1) if books == 1 else (books, 1, 1, 1))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("plane", [None, 1])
def test_no_part_of_a_step_asks_the_device_for_a_value(name, plane):
    terms, _ = step_without_data((2, 2), plane, True, parameters=parameters_of(name))
    assert ("vq" in terms) is (plane is None)

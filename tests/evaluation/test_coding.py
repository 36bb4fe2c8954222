"""Bits that are left after coding: what was coded comes back, and frequencies of training save what they promise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.entropy import WORD, Frequencies
from neuroquant.evaluation import coding
from neuroquant.evaluation.coding import FEWEST, LOSS_DB, MOST, Coder, Rounding, _quality, fewest_bits
from neuroquant.evaluation.latents import export_latents
from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard
from neuroquant.model_folder import load_model, save_model
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.latents import Continuous
from neuroquant.store.arrays import ArrayFile
from tests.training.helpers import PARAMETERS, SHAPE, write_volumes

SIZE = 37


@settings(deadline=None, max_examples=50)
@given(
    npst.arrays(np.int64, (2, SIZE), elements=st.integers(0, 10_000)),
    npst.arrays(np.int32, st.tuples(st.just(2), st.integers(1, 60)), elements=st.integers(0, SIZE - 1)),
)
def test_what_was_coded_is_decoded_whatever_was_seen_in_training(counts, symbols):
    coder = Frequencies(counts)
    np.testing.assert_array_equal(coder.decode(coder.encode(symbols), [symbols.shape[1]] * 2), symbols)


def test_symbols_take_the_entropy_of_their_frequencies_and_all_alike_log2_of_their_number():
    generator = np.random.default_rng(0)
    shares = np.array([0.7, 0.2, 0.05, 0.05])
    symbols = generator.choice(4, (1, 20_000), p=shares)
    seen = np.bincount(generator.choice(4, 20_000, p=shares), minlength=4)[None]
    bits = WORD * len(Frequencies(seen).encode(symbols)) / symbols.size
    assert bits == pytest.approx(-(shares * np.log2(shares)).sum(), rel=0.02)
    once = np.bincount(symbols[0], minlength=5)[None, :]
    rare = WORD * len(Frequencies(once).encode(np.full((1, 64), 4, np.int32))) / 64
    assert rare == pytest.approx(np.log2(once.sum() + 5), rel=0.1), "one more for each, so that none costs much more"
    alike = generator.integers(0, 64, (1, 20_000))
    assert WORD * len(Frequencies(np.full((1, 64), 100)).encode(alike)) / alike.size == pytest.approx(6, rel=0.002)


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_rounding_is_off_by_half_a_step_at_most_and_its_symbols_say_all(bits):
    generator = np.random.default_rng(1)
    z = generator.normal(size=(3, 500)).astype(np.float32)
    rounding = Rounding(z.min(1), z.max(1), bits)
    symbols = rounding.symbols(z)
    assert symbols.min() == 0 and symbols.max() == 2**bits - 1
    step = (z.max(1) - z.min(1)) / (2**bits - 1)
    assert (np.abs(rounding.values(symbols) - z) <= step[:, None] * 0.51 + 1e-6).all()
    np.testing.assert_array_equal(rounding.symbols(rounding.values(symbols)), symbols)


class Copies(Autoencoder):
    """Its latent is the image itself with some noise, the same each time."""

    modalities, latents_class, probe_latent, factor = ("T1w", "T2w"), Continuous, "z", 1

    def encode(self, x, modality):
        return Continuous(x + 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))

    def decode(self, latents, modality):
        return latents.z

    def bits(self, shape):
        return 32.0 * np.prod(shape)


def test_the_fewest_bits_are_the_first_whose_loss_is_small_enough(tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "val", 1)
    model, finest = Copies(), Rounding(np.array([-1.0]), np.array([1.1]), MOST)
    found = fewest_bits(model, finest, [volumes], "cpu")
    assert FEWEST < found.bits < MOST
    x, modality = images(volumes), torch.tensor([0, 1])
    given = [(x, modality, model.encode(x, modality))]
    best = _quality(model, given, None)
    lost = {bits: best - _quality(model, given, replace(finest, bits=bits)) for bits in (found.bits - 1, found.bits)}
    assert lost[found.bits] < LOSS_DB <= lost[found.bits - 1]
    assert fewest_bits(model, finest, [], "cpu").bits == MOST, "nothing to judge by"


def images(volumes):
    return torch.from_numpy(np.array(ArrayFile(volumes).view("image")[:2])).float()[:, None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("model")
    parameters = PARAMETERS | {"start_after": 0}
    torch.manual_seed(0)
    model = models.build("neuroquant", parameters).train()
    model.encode_train(torch.rand(2, 1, *SHAPE))  # gives the codebook its start
    entry = ModelEntry(name="model", architecture="neuroquant", parameters=parameters)
    save_model(where, model, entry, Volume(shape=SHAPE), {})
    return where


def test_a_models_tokens_take_what_is_left_after_coding(folder, tmp_path):
    train, val, test = (write_volumes(tmp_path / f"{split}.h5", split, 2) for split in ("train", "val", "test"))
    export_latents(folder, [train], [tmp_path / "latents.h5"], "cpu", 1)
    out = Outputs(*(tmp_path / name for name in ("r.h5", "l.h5", "s.tsv", "c.tsv")))
    reconstruct_shard(Inputs(folder, test, [tmp_path / "latents.h5"], [val]), out, None, "cpu", 1)
    facts, latents = ArrayFile(out.reconstructions).attributes, ArrayFile(out.latents)
    assert facts["bits_per_number"] is None
    codes = latents.view(latents.attributes["codes"])
    pooled = 1000 * facts["kbit_per_volume"] - codes[0].size * np.log2(PARAMETERS["codebook_size"])
    assert pooled <= 1000 * facts["kbit_coded"] < 1000 * facts["kbit_per_volume"] + WORD
    reconstruct_shard(Inputs(folder, test, []), out, None, "cpu", 1)
    assert ArrayFile(out.reconstructions).attributes["kbit_coded"] is None, "no frequencies are known"


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [("baselines.vqgan", {"width": 8, "mults": (1, 1, 1, 1), "z_channels": 8, "groups": 4, "blocks": 1, "words": 20,
                          "embed": 4}),
     ("baselines.meditok", {"widths": (16, 16, 16), "depths": (1, 1), "blocks": 1, "heads": 2, "codebooks": 2,
                            "words": 8, "latent_channels": 16, "side": 16})],
)  # fmt: skip
def test_latents_that_are_kept_quantised_are_coded_as_their_codes(architecture, parameters, tmp_path, monkeypatch):
    train, test = (write_volumes(tmp_path / f"{split}.h5", split, 3) for split in ("train", "test"))
    torch.manual_seed(0)
    model = models.build(architecture, parameters)
    model.prepare([torch.from_numpy(np.array(ArrayFile(train).view("image"))).float()[:, None]])
    entry = ModelEntry(name="m", architecture=architecture, parameters=parameters)
    save_model(tmp_path / "m", model, entry, Volume(shape=SHAPE), {})
    training = [tmp_path / "one.h5", tmp_path / "two.h5"]
    export_latents(tmp_path / "m", [train, test], training, "cpu", 1)
    out = Outputs(*(tmp_path / name for name in ("r.h5", "l.h5", "s.tsv", "c.tsv")))
    counted = []
    monkeypatch.setattr(coding, "Frequencies", lambda counts: counted.append(counts) or Frequencies(counts))
    reconstruct_shard(Inputs(tmp_path / "m", test, training, [test]), out, None, "cpu", 1)
    facts = ArrayFile(out.reconstructions).attributes
    assert facts["bits_per_number"] is None
    loaded, codebooks = load_model(tmp_path / "m")[0], parameters.get("codebooks", 1)
    z = np.concatenate([np.array(ArrayFile(path).view("z")) for path in training])
    with torch.no_grad():
        codes = loaded.codes(Continuous(torch.from_numpy(z).float())).movedim(1, 0).flatten(1).numpy()
    expected = [np.bincount(row, minlength=parameters["words"]) for row in codes]
    np.testing.assert_array_equal(counted[0], expected)
    # with a word more for each code that might come, and the end of the last word
    tokens = 1000 * facts["kbit_per_volume"] / np.log2(parameters["words"])
    assert 0 < 1000 * facts["kbit_coded"] < 1000 * facts["kbit_per_volume"] + 0.2 * tokens + 2 * codebooks * WORD


def test_a_model_without_latents_needs_no_bits():
    model = models.build("baselines.mean", {"shape": SHAPE})
    assert Coder(model, SHAPE, [], [], "cpu").facts() == {"kbit_coded": 0.0, "bits_per_number": None}


@pytest.mark.parametrize("codec", ["jpeg2000", "dct"])
def test_bits_of_a_codec_are_those_of_its_bytes_and_these_decode_to_what_was_scored(codec, tmp_path):
    train, test = (write_volumes(tmp_path / f"{split}.h5", split, 3) for split in ("train", "test"))
    model = models.build(f"baselines.{codec}", {"kbit": 3})
    x = torch.from_numpy(np.array(ArrayFile(train).view("image"))).float()[:, None]
    found = model.fit(lambda: [(x, torch.arange(len(x)) % 2)])
    parameters = {"kbit": 3, **found.parameters}
    entry = ModelEntry(name="m", architecture=f"baselines.{codec}", parameters=parameters, training={"phases": ()})
    save_model(tmp_path / "m", model, entry, Volume(shape=SHAPE), {})
    export_latents(tmp_path / "m", [train], [tmp_path / "latents.h5"], "cpu", 1)
    out = Outputs(*(tmp_path / name for name in ("r.h5", "l.h5", "s.tsv", "c.tsv")))
    reconstruct_shard(Inputs(tmp_path / "m", test, [tmp_path / "latents.h5"]), out, None, "cpu", 1)
    images, latents = ArrayFile(out.reconstructions), ArrayFile(out.latents)
    (name,) = latents.names
    bytes_of = [[each for each in np.ravel(row) if each >= 0] for row in latents.view(name)]
    assert images.attributes["kbit_per_volume"] == 3 and images.attributes["bits_per_number"] is None
    assert images.attributes["kbit_coded"] == pytest.approx(8 * np.mean([len(row) for row in bytes_of]) / 1000)
    assert 0 < images.attributes["kbit_coded"] <= 3 and latents.attributes["codes"] == ""
    for number, row in enumerate(bytes_of):
        again = model.expand(bytes(row), number % 2).clip(-1, 1).astype(np.float16)
        np.testing.assert_array_equal(again, images.view("image")[number])

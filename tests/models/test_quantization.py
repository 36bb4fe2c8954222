"""The setting `quantizer`: every kind costs log2 of codebook_size bits, and what can't be is refused by its key."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroquant import models
from neuroquant.config.load import load_experiment, validate
from neuroquant.errors import InputError
from neuroquant.models.neuroquant import Parameters
from neuroquant.models.neuroquant.quantization import Quantization

CONFIG = Path(__file__).parents[2] / "config"
SHAPE = (32, 48, 64)


@pytest.mark.parametrize(
    ("quantizer", "size", "words"),
    [
        ({"kind": "vq"}, 64, r"parameters\.quantizer\.kind(?s:.*)'ema', 'fsq', 'simvq' or 'residual'"),
        ({"kind": "fsq", "level": [8]}, 64, r"parameters\.quantizer\.level(?s:.*)did you mean `levels`"),
        ({"kind": "fsq", "levels": [8, 5]}, 64, r"quantizer\.levels must multiply to codebook_size = 64.*give 40"),
        ({"kind": "fsq", "levels": [2, 32]}, 64, r"parameters\.quantizer\.levels(?s:.*)greater than or equal to 3"),
        ({"kind": "fsq"}, 60, r"quantizer\.levels must be given where codebook_size is no power of two.*60 isn't"),
        ({"kind": "fsq"}, 2, r"quantizer\.levels must be given"),
        ({"kind": "fsq", "rotation": True}, 64, r"quantizer\.rotation must be false with kind: fsq"),
        ({"kind": "residual"}, 63, r"quantizer\.stages: 2 stages.*63 isn't one, 64 is"),
        ({"kind": "residual", "stages": 4}, 64, r"quantizer\.stages: 4 stages.*to the power of 4.*64 isn't one, 81 is"),
        ({"kind": "residual", "stages": 1}, 64, r"parameters\.quantizer\.stages(?s:.*)greater than or equal to 2"),
        ({"kind": "residual", "stages": 2}, 1, r"of 2 or more; 1 isn't one, 4 is"),
        (
            {"kind": "residual", "stages": 4},
            2**40,
            r"quantizer\.kind: residual takes a codebook_size of at most 1048576",
        ),
        ({"kind": "fsq"}, 2**21, r"quantizer\.kind: fsq takes a codebook_size of at most 1048576"),
        ({"kind": "ema", "levels": [8, 8]}, 64, r"quantizer\.levels are for kind: fsq; with kind: ema"),
        ({"kind": "simvq", "stages": 2}, 64, r"quantizer\.stages are for kind: residual; with kind: simvq"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_key(quantizer, size, words):
    with pytest.raises(InputError, match=words):
        validate(Parameters, {"codebook_size": size, "quantizer": quantizer}, "model x: parameters")


@given(st.integers(2, 16))
def test_derived_levels_give_the_size_exactly_with_as_few_numbers_of_at_most_8_levels_as_can_be(bits):
    levels = Quantization(kind="fsq").level_counts(2**bits)
    assert math.prod(levels) == 2**bits and set(levels) <= {4, 8}
    assert len(levels) == math.ceil(bits / 3)


@given(st.integers(2, 12), st.integers(2, 5))
def test_stages_share_the_size_out_evenly(size, stages):
    assert Quantization(kind="residual", stages=stages).shared_out(size**stages) == (size, stages)


@pytest.mark.parametrize(
    ("quantizer", "size", "indices"),
    [
        ({}, 4096, 1), ({"kind": "fsq"}, 4096, 1), ({"kind": "fsq", "levels": [7, 5, 5, 5, 5]}, 4375, 1),
        ({"kind": "simvq", "rotation": True}, 4096, 1), ({"kind": "residual"}, 4096, 2),
        ({"kind": "residual", "stages": 3}, 4096, 3),
    ],
)  # fmt: skip
def test_every_kind_costs_the_bits_of_one_codebook_of_that_size(quantizer, size, indices):
    parameters = {"codebook_size": size, "quantizer": quantizer}
    tokens = 2 * 3 * 4
    assert models.bits("neuroquant", parameters, SHAPE) == pytest.approx(tokens * math.log2(size) + 32 * 32, rel=1e-12)
    shapes = models.latent_shapes("neuroquant", parameters, SHAPE)
    assert shapes["indices"] == (indices, 2, 3, 4) and shapes["z_q"] == (64, 2, 3, 4)


def test_the_default_is_the_papers_and_stands_in_no_file_so_that_no_hash_changes():
    assert Parameters().quantizer == Quantization(kind="ema", rotation=False)
    for quantizer in ({}, {"kind": "ema"}, Quantization()):
        assert "quantizer" not in Parameters(quantizer=quantizer).model_dump(mode="json")
    other = Parameters(quantizer={"kind": "residual"}).model_dump(mode="json")
    assert other["quantizer"] == {"kind": "residual", "rotation": False, "levels": [], "stages": None}
    assert Parameters.model_validate(json.loads(json.dumps(other))).codebooks == (64, 2)
    assert "quantizer" in Parameters(quantizer={"rotation": True}).model_dump(mode="json")
    demo = load_experiment(CONFIG / "demo.yaml", CONFIG)
    assert not any("quantizer" in entry.parameters for entry in demo.models)


def test_only_codes_that_are_made_of_tokens_start_late():
    found = {
        kind: models.start_after("neuroquant", {"start_after": 7, "codebook_size": 64, "quantizer": {"kind": kind}})
        for kind in ("ema", "fsq", "simvq", "residual")
    }
    assert found == {"ema": 7, "fsq": None, "simvq": None, "residual": 7}

"""Codecs without training get the full model's bits, or a stated rate; what can't be meant is refused."""

import pytest

from neuroquant import models
from neuroquant.config.load import resolve_experiment
from neuroquant.errors import InputError
from neuroquant.models.rates import MATCH, most_bytes
from neuroquant.shipped import CONFIG

SHAPE = (48, 64, 48)
CODECS = ("jpeg2000", "dct")


def resolved(*entries, **experiment):
    raw = {"cohorts": ["synthetic_a"], "models": list(entries), "volume": {"shape": list(SHAPE)}, **experiment}
    return resolve_experiment(raw, CONFIG, "mine.yaml")


def stated(codec, kbit):
    return {
        "name": codec,
        "architecture": f"baselines.{codec}",
        "parameters": {"kbit": kbit},
        "training": {"phases": []},
    }


@pytest.mark.parametrize("codec", CODECS)
def test_a_codec_has_the_full_models_bits_unless_a_rate_is_stated(codec):
    experiment = resolved("neuroquant", "mean", codec)
    full, entry = (
        models.bits(each.architecture, each.parameters, SHAPE) for each in map(experiment.model, ("neuroquant", codec))
    )
    assert full - 8 < entry <= full, "whole bytes"
    assert experiment.model(codec).group == "reference" and experiment.table1.models[-1] == codec
    assert resolve_experiment(experiment.model_dump(mode="json"), CONFIG, "again.yaml") == experiment
    for kbit in (0.5, 80):
        own = resolved("neuroquant", stated(codec, kbit)).model(codec)
        assert own.parameters["kbit"] == kbit and models.bits(
            own.architecture, own.parameters, SHAPE
        ) == 8 * most_bytes(kbit)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("kbit", [0, -3, "many", "12", True, None, float("nan"), 0.05, 1e7, [5]])
def test_a_rate_that_cant_be_meant_is_named_with_its_key(codec, kbit):
    with pytest.raises(InputError, match="`match`, or kbit per volume from 0.1 to 100,000") as error:
        resolved("neuroquant", stated(codec, kbit))
    assert "parameters.kbit\n" in str(error.value)


@pytest.mark.parametrize("entries", [("mean", "jpeg2000"), ("jpeg2000", "mean"), ("dct",)])
def test_without_a_full_model_of_some_bits_there_is_nothing_to_match(entries):
    with pytest.raises(InputError, match="match, with (mean|jpeg2000|dct) first in figure4.models") as error:
        resolved(*entries)
    assert "parameters.kbit\n" in str(error.value)


@pytest.mark.parametrize("block", [0, 5, "8", 32])
def test_blocks_have_one_of_three_sides(block):
    entry = stated("dct", 5)
    entry["parameters"]["block"] = block
    with pytest.raises(InputError, match="parameters.block"):
        resolved("neuroquant", entry)


def test_bits_arent_known_before_an_experiment_says_which():
    for codec in CODECS:
        assert models.bits(f"baselines.{codec}", {"kbit": MATCH}, SHAPE) is None

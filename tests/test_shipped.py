"""Models that the package brings along, by name."""

import argparse
from pathlib import Path

import pytest

import neuroquant
from neuroquant import shipped
from neuroquant.bids_app.options import Options, add_arguments
from neuroquant.errors import InputError


@pytest.fixture
def brought(tmp_path, monkeypatch):
    """A package that brings one model, `small-one`, along."""
    folder = tmp_path / "pretrained/small-one"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").touch()
    (tmp_path / "pretrained/unfinished").mkdir()
    monkeypatch.setattr(shipped, "PRETRAINED", tmp_path / "pretrained")
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_name_is_the_folder_of_a_model_that_comes_along_unless_a_folder_here_has_it(brought):
    assert shipped.own_folder("small-one") == brought
    assert shipped.own_folder("results/demo/models/neuroquant") == Path("results/demo/models/neuroquant")
    Path("small-one").mkdir()
    assert shipped.own_folder("small-one") == Path("small-one")


def test_an_unknown_name_is_answered_with_those_that_come_along(brought):
    with pytest.raises(InputError, match="small-won") as caught:
        neuroquant.load("small-won", "cpu")
    assert "small-one" in caught.value.expected and "unfinished" not in str(caught.value)


def test_the_bids_app_takes_the_name_too(brought):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    arguments = parser.parse_args(["data", "out", "participant", "--model", "small-one"])
    assert Options.of(arguments).model == brought
    with pytest.raises(InputError, match="small-two"):
        Options.of(parser.parse_args(["data", "out", "participant", "--model", "small-two"]))

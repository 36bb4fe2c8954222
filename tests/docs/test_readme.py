"""The README: short, with a picture of what the demo reaches that a committed script makes."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neuroquant.store.arrays import Geometry, Record
from neuroquant.tokenizer.tokens import Tokens

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("readme_picture", ROOT / "docs/pictures/readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_short_and_its_picture_is_in_the_first_screen():
    lines = README.splitlines()
    assert len(lines) < 150
    assert any("docs/pictures/readme.png" in line for line in lines[:12])


def test_every_file_that_it_links_to_is_there():
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[\w-]+)?\)", README):
        assert (ROOT / target).exists(), target


def test_the_picture_is_small_and_has_colours_for_tokens_only():
    path = ROOT / "docs/pictures/readme.png"
    assert path.stat().st_size < 300_000
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    colourful = np.ptp(pixels, axis=2) > 60
    share = [part.mean() for part in np.array_split(colourful, 5, axis=1)]
    assert share[1] > 0.3 and max(share[:1] + share[2:]) < 0.05


def test_tokens_lie_where_their_voxels_do(script):
    """A volume of 4 voxels a side with tokens of 2, from voxel 2 on in the first axis of the scan."""
    latents = np.random.default_rng(0).normal(size=(3, 2, 2, 2)).astype(np.float32)
    mask = np.ones((4, 4, 4), np.uint8)
    mask[0] = 0
    plain = tuple(map(tuple, np.eye(4)))
    geometry = Geometry(plain, (6, 4, 4), plain, (6, 4, 4), (2, 0, 0), (0.0, 1.0))
    record = Record("c", "s", "", "T1w", "test", "", "F", 20.0, geometry)
    shown = script.colours(Tokens("m", record, {"z": latents}, mask, main="z"), (6, 4, 4))
    assert shown.shape == (6, 4, 4, 3) and shown[:3].max() == 0, "outside of the volume and of the brain"
    assert (shown[3:] > 0).all() and (shown[4, :2, :2] == shown[5, 1, 1]).all(), "two voxels a side have one token"

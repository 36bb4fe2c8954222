"""The viewer holds what was reconstructed, stays small, and needs nothing from outside."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from neuroquant.report.pages.viewer import LEVELS, choose, mosaic, write_viewer
from neuroquant.store.arrays import ArrayWriter, Record
from tests.report.figures.test_figure3 import scores

SHAPE = (12, 16, 10)
KINDS = ("original", "reconstruction")


@pytest.fixture
def shards(tmp_path):
    """Three subjects; the reconstructions differ from the originals."""
    records = [Record("c", who, "1", m, "test", "", "F", 9.0) for who in "abc" for m in ("T1w", "T2w")]
    for number, name in enumerate(("volumes.h5", "row.h5")):
        with ArrayWriter(tmp_path / name, records) as writer:
            writer.create("image", SHAPE, np.float16)
            for row in range(len(records)):
                writer.write("image", row, np.random.default_rng(row + 100 * number).uniform(-1, 1, SHAPE))
    return [tmp_path / "volumes.h5"], [tmp_path / "row.h5"]


def unpacked(packed, shape):
    """A mosaic as the page reads it."""
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(packed["png"].split(",")[1]))))
    width, height, count = shape
    tiles = [divmod(number, packed["columns"]) for number in range(count)]
    return np.stack([picture[r * height :][:height, c * width :][:, :width].T for r, c in tiles], axis=2)


def images_of(path):
    return json.loads(
        re.search(r'id="images">(.*?)</script>', path.read_text(), re.DOTALL).group(1).replace("<\\/", "</")
    )


def test_a_mosaic_gives_the_image_back_to_a_grey_level():
    image = np.random.default_rng(0).uniform(-1, 1, SHAPE).astype(np.float32)
    back = unpacked(mosaic(image), SHAPE) / 127.5 - 1
    assert np.abs(back - image).max() <= 1 / (LEVELS - 1) + 0.005


def test_the_median_the_lowest_and_the_highest_are_shown_and_nobody_is_named(tmp_path, shards):
    fidelity = scores(tmp_path / "f.tsv", a=(20.0, 21.0), b=(30.0, 31.0), c=(25.0, 26.0))
    chosen = choose(fidelity, "c", "m", identifiable=False)
    assert [(one.subject, one.called) for one in chosen] == [
        ("c", "test subject 3, median PSNR (25.50 dB)"),
        ("a", "test subject 1, lowest PSNR (20.50 dB)"),
        ("b", "test subject 2, highest PSNR (30.50 dB)"),
    ]
    assert choose(fidelity, "c", "m", identifiable=True)[0].called.startswith("c 1, median")
    for name in ("x.html", "y.html"):
        write_viewer(chosen, "Model", *shards, tmp_path / name)
    assert (tmp_path / "x.html").read_bytes() == (tmp_path / "y.html").read_bytes()
    page = images_of(tmp_path / "x.html")
    assert len(page) == 6 and page[0]["shape"] == list(SHAPE)
    assert not re.search(r"""(?:src|href)=["']?https?:""", (tmp_path / "x.html").read_text())


def test_a_page_keeps_to_its_budget_and_says_what_it_halved_or_left_out(tmp_path, shards):
    fidelity = scores(tmp_path / "f.tsv", a=(20.0, 21.0), b=(30.0, 31.0), c=(25.0, 26.0))
    chosen = choose(fidelity, "c", "m", identifiable=False)
    whole, halved = list(SHAPE), [6, 8, 5]
    for budget, shapes in ((15_000, [whole] * 2 + [halved] * 4), (3000, [halved] * 3), (100, [halved])):
        write_viewer(chosen, "Model", *shards, tmp_path / "x.html", budget=budget)
        page = images_of(tmp_path / "x.html")
        assert [entry["shape"] for entry in page] == shapes
        assert all(("every second voxel" in entry["name"]) == (entry["shape"] == halved) for entry in page)
        told = f"{6 - len(page)} more images were left out" in (tmp_path / "x.html").read_text()
        assert told == (len(page) < 6)
        assert len(page) == 1 or sum(len(entry[kind]["png"]) for entry in page for kind in KINDS) <= budget


def test_without_reconstructions_the_page_says_so(tmp_path):
    write_viewer([], "Model", [], [], tmp_path / "x.html")
    assert "Nothing to show" in (tmp_path / "x.html").read_text()

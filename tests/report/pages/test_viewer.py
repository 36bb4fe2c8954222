"""The viewer holds what was reconstructed, stays small, and needs nothing from outside."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from neuroquant.report.figures.images import Images
from neuroquant.report.pages.viewer import LEVELS, mosaic, name_of, write_viewer
from neuroquant.statistics.choice import sessions_to_view
from neuroquant.store.arrays import ArrayWriter, Record
from tests.statistics.test_choice import scores

SHAPE = (12, 16, 10)
KINDS = ("original", "reconstruction")
MODALITIES = ("T1w", "T2w")


@pytest.fixture
def shards(tmp_path):
    """Three subjects; the reconstructions differ from the originals."""
    records = [Record("c", who, "1", m, "test", "", "F", 9.0) for who in "abc" for m in ("T1w", "T2w")]
    for number, name in enumerate(("volumes.h5", "row.h5")):
        with ArrayWriter(tmp_path / name, records) as writer:
            writer.create("image", SHAPE, np.float16)
            for row in range(len(records)):
                writer.write("image", row, np.random.default_rng(row + 100 * number).uniform(-1, 1, SHAPE))
    return Images([tmp_path / "volumes.h5"], {"m": [tmp_path / "row.h5"]})


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


@pytest.fixture
def chosen(tmp_path):
    return sessions_to_view(scores(tmp_path / "f.tsv", a=(20.0, 21.0), b=(30.0, 31.0), c=(25.0, 26.0)), "c", "m")


@pytest.fixture
def sessions(chosen):
    """What the page calls the sessions, without names."""
    return {name_of(one, identifiable=False): (one.subject, one.session) for one in chosen}


def test_the_median_the_lowest_and_the_highest_are_shown_and_nobody_is_named(chosen):
    assert [(one.subject, name_of(one, identifiable=False)) for one in chosen] == [
        ("c", "test subject 3, median PSNR (25.50 dB)"),
        ("a", "test subject 1, lowest PSNR (20.50 dB)"),
        ("b", "test subject 2, highest PSNR (30.50 dB)"),
    ]
    assert name_of(chosen[0], identifiable=True).startswith("c 1, median")


def test_the_page_has_a_switch_for_sessions_and_one_for_modalities(tmp_path, shards, sessions):
    for name in ("x.html", "y.html"):
        write_viewer(sessions, ("T2w", "T1w", "FLAIR"), "Model", shards, tmp_path / name)
    text = (tmp_path / "x.html").read_text()
    assert (tmp_path / "x.html").read_bytes() == (tmp_path / "y.html").read_bytes()
    images = images_of(tmp_path / "x.html")
    assert [one["modality"] for one in images] == ["T2w", "T1w"] * 3, "a modality that nobody has isn't offered"
    assert re.findall(r"<option value=\"(\w+)\">", text) == ["T2w", "T1w"]
    assert text.count("<option") == 3 + 2 and images[0]["shape"] == list(SHAPE)
    assert not re.search(r"""(?:src|href)=["']?https?:""", text)


def test_a_page_keeps_to_its_budget_and_says_what_it_halved_or_left_out(tmp_path, shards, sessions):
    whole, halved = list(SHAPE), [6, 8, 5]
    for budget, shapes in ((15_000, [whole] * 2 + [halved] * 4), (3000, [halved] * 3), (100, [halved])):
        write_viewer(sessions, MODALITIES, "Model", shards, tmp_path / "x.html", budget=budget)
        page = images_of(tmp_path / "x.html")
        assert [entry["shape"] for entry in page] == shapes
        assert all((entry["step"] == 2) == (entry["shape"] == halved) for entry in page)
        said = f"{6 - len(page)} more images were left out" in (tmp_path / "x.html").read_text()
        assert said == (len(page) < 6)
        assert len(page) == 1 or sum(len(entry[kind]["png"]) for entry in page for kind in KINDS) <= budget


def test_without_reconstructions_the_page_says_so(tmp_path):
    write_viewer({}, MODALITIES, "Model", Images([], {}), tmp_path / "x.html")
    assert "Nothing to show" in (tmp_path / "x.html").read_text()

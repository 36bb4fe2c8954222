"""Figures can be printed: the same numbers give the same bytes, nothing is too wide or too fine, colours stay apart."""

import itertools
import re
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroquant.files import write_tsv
from neuroquant.report.figures import figure4, training_curves
from neuroquant.report.figures.style import COLOURS, WIDTH, plt
from neuroquant.report.figures.training_curves import CODES, LOSSES, draw
from neuroquant.statistics.curves import chance, read_logs

KINDS = ("png", "svg", "pdf")
POINTS = 72
CM = 2.54


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    """Two models that trained, one of them without codes, and one that never did."""
    tmp_path = tmp_path_factory.mktemp("curves")
    steps = np.arange(10, 110, 10)
    table = pd.DataFrame({"step": steps, "loss": 1 / steps, "l1": 0.5 / steps, "val_psnr": 20 + steps / 10})
    write_tsv(table, tmp_path / "plain.tsv")
    coded = table.assign(usage=0.5, perplexity=7.5, adversary=0.001 * chance(2), cross=0.1, grad_norm=1.0)
    write_tsv(coded, tmp_path / "coded.tsv")
    write_tsv(pd.DataFrame(columns=["step"]), tmp_path / "never.tsv")
    return {name.title(): tmp_path / f"{name}.tsv" for name in ("plain", "coded", "never")}


def drawn(folder, experiment, curves):
    """Every figure that needs no images, in every format."""
    folder.mkdir()
    logs = read_logs(curves, {"Coded": 0.001})
    draw(logs, LOSSES, {}, [folder / f"training.{kind}" for kind in KINDS])
    draw(logs, CODES, {"adversary": chance(2)}, [folder / f"codes.{kind}" for kind in KINDS])
    figure4.draw(folder.parent / "regions.tsv", experiment, *(folder / f"figure4.{kind}" for kind in KINDS))
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def figures(tmp_path_factory, experiment, numbers, curves):
    folder = tmp_path_factory.mktemp("figures")
    numbers(folder, experiment)
    return drawn(folder / "a", experiment, curves)


@pytest.mark.slow
def test_the_same_numbers_give_the_same_bytes_and_no_date(experiment, curves, figures):
    again = drawn(figures[0].parents[1] / "b", experiment, curves)
    for one, two in zip(figures, again, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name
        assert b"CreationDate" not in one.read_bytes() and b"<dc:date>" not in one.read_bytes()


def test_no_figure_is_wider_than_two_columns_and_pictures_have_300_points_an_inch(figures):
    assert WIDTH == pytest.approx(17.5 / CM)
    for path in figures:
        if path.suffix == ".svg":
            width = float(re.search(r'width="([\d.]+)pt"', path.read_text()).group(1)) / POINTS
        elif path.suffix == ".png":
            with Image.open(path) as image:
                assert round(image.info["dpi"][0]) == 300
                width = image.width / 300
        else:
            continue
        assert width * CM <= 17.5 * 1.01, path.name


def test_letters_are_at_least_six_points(figures):
    for path in figures:
        if path.suffix == ".pdf":
            raw = path.read_bytes()
            streams = re.findall(rb"stream\r?\n(.*?)endstream", raw, re.DOTALL)
            sizes = set()
            for stream in streams:
                try:
                    text = zlib.decompress(stream)
                except zlib.error:
                    continue
                sizes |= {float(size) for size in re.findall(rb"/F\d+ ([\d.]+) Tf", text)}
            assert sizes and min(sizes) >= 6, (path.name, sizes)


def test_a_model_without_a_term_draws_no_line_and_an_empty_panel_says_so(tmp_path, curves, monkeypatch):
    figures = []
    monkeypatch.setattr(training_curves, "save", lambda figure, *out: figures.append(figure))
    draw(read_logs({"Plain": curves["Plain"]}, {}), CODES, {"adversary": chance(2)}, [])
    draw(read_logs(curves, {"Coded": 0.001}), CODES, {"adversary": chance(2)}, [])
    empty, coded = figures
    assert all([text.get_text() for text in axis.texts] == ["no model has it"] for axis in empty.axes)
    assert [text.get_text() for text in coded.legends[0].texts] == ["Coded"]
    plt.close("all")


DEFICIENCIES = {
    # Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(rgb):
    """CIELAB (D65) of linear RGB."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("seen_by", ["everyone", *DEFICIENCIES])
def test_colours_stay_apart_for_the_colour_blind(seen_by):
    matrix = np.array(DEFICIENCIES[seen_by]) if seen_by != "everyone" else np.eye(3)
    linear = [((np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) / 255) ** 2.2) for c in COLOURS]
    seen = [lab(matrix @ rgb) for rgb in linear]
    nearest = min(np.linalg.norm(one - two) for one, two in itertools.combinations(seen, 2))
    assert nearest > 10, "a just noticeable difference is about 2.3; lines also differ by their marks"

"""A figure's page has its caption below it, what this run says, of how many cases, and the exact values."""

import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroquant.report.caption import paragraphs_of
from neuroquant.report.contents import CONTENTS, entry
from neuroquant.report.figures.figure4 import regional
from neuroquant.report.html import page, small_table
from neuroquant.report.pages.conclusions import of_codes, of_figure3, of_figure4, of_training
from neuroquant.report.pages.figure_page import HEADINGS, Said, write_figure_page
from neuroquant.report.pictures import WIDEST, of_figure, thumbnail
from tests.made_up import computed_of, with_modalities
from tests.workflow.browser import CHROMIUM, Browser

DRAWN = [one.name for one in CONTENTS if "page" in one.outputs]


@pytest.mark.parametrize("name", DRAWN)
def test_a_caption_says_what_the_figure_shows_and_how_to_read_it(name):
    assert len(paragraphs_of(entry(name).caption)) == len(HEADINGS)


def test_the_caption_stands_below_the_picture_with_what_the_run_says(tmp_path):
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.png")
    said = Said(["A is <b>."], "n = 3 sessions.", pd.DataFrame({"model": ["A"], "PSNR": ["1.5"]}))
    write_figure_page("figure4", tmp_path / "a.png", said, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text().partition("<main>")[2]
    order = ["<img", *HEADINGS, "In this run", "A is &lt;b&gt;.", "n = 3 sessions.", "Exact values", "1.5"]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert "figures/figure4.pdf" in text and "http" not in re.sub('data:[^"]*', "", text)
    write_figure_page("figure4", tmp_path / "a.png", Said([], "n = 0.", None), tmp_path / "a.html")
    assert "Nothing was measured." in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize("modalities", [("T1w",), ("T1w", "T2w", "FLAIR")], ids="-".join)
def test_figures_3_and_4_name_the_first_model_of_every_modality(tmp_path, experiment, numbers, modalities):
    own = with_modalities(experiment, *modalities)
    numbers(tmp_path, own, subjects=4)
    cells = computed_of(tmp_path, own).cells
    trained = [name for name in own.table1.models if own.model(name).training.phases]
    said = of_figure3(own, cells, "synthetic_a", trained)
    assert len(said.conclusions) == len(modalities) and "errors of SD-VAE are smallest" in said.conclusions[0]
    assert said.count == "n = 1 session of 4 test subjects of Synthetic A."
    shown = regional(tmp_path / "regions.tsv", own)
    said = of_figure4(own, shown.limits, {"stand-in segmenter"})
    assert len(said.conclusions) == 2 * len(modalities) + 1 and all(name in said.count for name in modalities)
    assert set(said.table.modality) == set(modalities)
    empty = of_figure4(own, shown.limits[:0], set())
    assert not empty.conclusions and not len(empty.table)


def test_training_is_summed_up_by_its_last_values():
    log = pd.DataFrame({"step": [1, 2, 3], "l1": [3, 2, 1.0], "val_psnr": [20, 21.5, np.nan], "usage": [0.1, 0.2, 0.5]})
    logs = {"Coded": log, "Plain": log.drop(columns="usage").assign(val_psnr=19.0), "Never": log[:0]}
    said = of_training(logs)
    assert said.conclusions == ["At its end Coded has the highest PSNR on validation sessions: 21.50 dB."]
    assert said.table.model.tolist() == ["Coded", "Plain"] and said.count.startswith("n = 2 trainings")
    assert of_codes(logs).conclusions == ["Coded ends with 50% of its codebook in use."]
    assert of_training({}).conclusions == [] == of_codes({}).conclusions


def test_pictures_in_pages_are_no_wider_than_a_screen_and_thumbnails_small(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (900, 2000, 3), np.uint8)).save(tmp_path / "a.png")
    data, width, height = of_figure(tmp_path / "a.png")
    assert (width, height) == (WIDEST, round(900 * WIDEST / 2000)) and data.startswith("data:image/png;base64,")
    assert len(thumbnail(tmp_path / "a.png")) < len(data) / 10


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: chromium)")
def test_a_heading_sorts_numbers_by_size_and_back(tmp_path):
    table = pd.DataFrame({"model": list("abcd"), "ml": ["10.0 (9 to 11)", "-2.5", "–", "1,000"]})
    (tmp_path / "a.html").write_text(page("A", small_table(table)))
    order = "[...document.querySelectorAll('tbody tr')].map(row => row.cells[0].textContent).join('')"
    with Browser(1280, 900) as browser:
        browser.open(tmp_path / "a.html")
        browser.wait(lambda: browser.run("document.readyState") == "complete")
        for expected in ("badc", "cdab"):
            browser.run("document.querySelectorAll('th button')[1].click()")
            assert browser.run(order) == expected

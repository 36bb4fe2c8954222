"""The first screen of the report: a sentence, pictures, cards and verdicts, for any number of modalities."""

import html
import re

import numpy as np
import pandas as pd
import pytest

from neuroquant.report.figures.images import Images
from neuroquant.report.html import page
from neuroquant.report.pages.front_parts import Subject, cards, findings, warnings
from neuroquant.report.pages.front_words import result_sentence
from neuroquant.report.pages.strip import Shown, strip
from neuroquant.report.sentences import training_sentences
from neuroquant.report.tables.layout import Numbers, lay_out
from neuroquant.report.tables.web import brief_table
from neuroquant.statistics.choice import best_baseline, full_model, ranked
from neuroquant.statistics.computed import table_of
from neuroquant.tables import CLAIMS
from tests.made_up import computed_of, with_modalities
from tests.report.figures.test_figure3 import write_shards
from tests.workflow.browser import CHROMIUM, Browser

COSTS = {"neuroquant": ("16x", "93.3", "5.1")}


@pytest.fixture(scope="module", params=[("T1w",), ("T1w", "T2w"), ("T1w", "T2w", "FLAIR")], ids="-".join)
def run(request, tmp_path_factory, experiment, numbers):
    """An experiment on some modalities and its tidy Table 1."""
    folder, own = tmp_path_factory.mktemp("run"), with_modalities(experiment, *request.param)
    numbers(folder, own, subjects=6)
    computed = computed_of(folder, own)
    return own, table_of(own, "table1", computed), computed


def test_the_result_is_one_sentence_with_the_full_model_and_the_best_baseline(run):
    experiment, cells, _ = run
    full, baseline = full_model(experiment), best_baseline(experiment, cells, "synthetic_a")
    assert (full, baseline) == ("neuroquant", "sd_vae"), "an exact copy is no baseline, though its PSNR is highest"
    text = result_sentence(experiment, cells, full, baseline)
    assert text.count("dB") >= 2 * len(experiment.modalities) and text.endswith(".") and "synthetic cohort" in text
    assert all(f"dB ({modality})" in text for modality in experiment.modalities)
    assert "Nothing was measured" in result_sentence(experiment, cells[:0], full, None)


def test_a_card_has_a_number_with_its_interval_for_each_modality(run):
    experiment, cells, _ = run
    text = cards(experiment, cells, Subject("neuroquant", "synthetic_a", COSTS))
    shown = text.split('<li class="card">')[1:]
    assert [re.search("<h2>(.*?)</h2>", one)[1] for one in shown] == [
        "PSNR", "SSIM", "Accuracy", "Dice", "Size of the latents"
    ]  # fmt: skip
    assert shown[0].count('class="ci"') == shown[0].count('class="big"') == len(experiment.modalities)
    assert "93.3" in shown[-1] and "stand-in segmenter" in shown[3] and "nan" not in text
    empty = cards(experiment, cells[:0], Subject("neuroquant", "synthetic_a", {}))
    assert "card" in empty and "<li" not in empty


def test_a_main_claim_has_a_badge_with_icon_and_word_and_one_per_cohort_where_they_differ(experiment):
    def line(name, cohort, holds, undecided):
        facts = {"id": name, "cohort": cohort, "holds": holds, "undecided": undecided, "contradicted": 0}
        return facts | {"verdict": "holds in all 1 comparisons (on a synthetic cohort, which says nothing about X)"}

    lines = [line("joint", "synthetic_a", 1, 0), line("joint", "synthetic_b", 0, 1), line("sota-dice", "", 1, 0)]
    table = pd.DataFrame([line("slices-2d", "", 1, 0), *lines], columns=CLAIMS)
    text = html.unescape(re.sub("<[^>]*>", "|", findings(experiment, table)))
    words = [part for part in text.split("|") if part]
    assert words[:3] == ["Highest Dice of segmentations", "\u2713", "holds"]
    assert "holds: Synthetic A" in words and "undecided: Synthetic B" in words and "stand-ins" in words[-1]
    assert findings(experiment, table[:0]) == ""


def test_warnings_are_escaped_and_one_training_is_named(experiment):
    assert warnings(["a < b", ""]).count("<li>") == 1 and "a &lt; b" in warnings(["a < b"])
    assert (
        warnings([]) == ""
        and "conditional on one training" in training_sentences(experiment, experiment.table1.models)[0]
    )


def test_pictures_have_a_row_per_modality_of_the_session_and_name_nobody(tmp_path):
    images = write_shards(tmp_path, ("T1w", "T2w"))
    images = Images(images.volumes, {"m": images.reconstructions["m"], "b": images.volumes})
    text = strip(images, Shown(("a", "1"), {"m": "Full", "b": "Base"}, ("T1w", "T2w", "FLAIR")))
    assert re.findall("<h2>(.*?)</h2>", text) == ["T1w", "T2w"]
    captions = re.findall("<figcaption>(.*?)</figcaption>", text)
    assert captions == 2 * ["original", "Full", "Base", "error of Full"]
    assert text.count(">L<") == text.count(">R<") == 8 and "linear-gradient" in text
    assert strip(images, Shown(None, {"m": "Full"}, ("T1w",))) == ""


def test_models_are_ranked_best_first_without_exact_copies():
    cells = pd.DataFrame({"model": list("abc"), "modality": "x", "metric": "psnr", "value": [20.0, np.inf, 21.0]})
    assert ranked(cells, "x", "psnr") == [("c", 21.0), ("a", 20.0)] and ranked(cells, "y", "psnr") == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: chromium)")
def test_table_1_fits_a_screen_with_two_modalities_and_stacks_on_a_phone(run, tmp_path):
    experiment, cells, computed = run
    if len(experiment.modalities) != 2:
        pytest.skip("measured with the paper's two modalities")
    sheet = lay_out(experiment, "table1", Numbers(cells, computed.tests_of("table1"), {}, {}))
    path = tmp_path / "table.html"
    path.write_text(page("Table", brief_table(sheet)))
    columns = "[...document.querySelectorAll('thead tr:last-child th')].filter(cell => cell.offsetWidth).length"
    for width, stacked in ((1280, False), (420, True)):
        with Browser(width, 900) as browser:
            browser.open(path)
            browser.wait(lambda here=browser: here.run("document.readyState") == "complete")
            box = "document.querySelector('.wide')"
            assert browser.run(f"{box}.scrollWidth <= {box}.clientWidth + 1")
            assert browser.run(columns) == (0 if stacked else 9)
            browser.run("document.querySelector('.switch input').click()")
            assert browser.run(columns) == (0 if stacked else 14) and not browser.problems

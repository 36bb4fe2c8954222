"""The page has every session and modality, nothing from outside, and stays small."""

import json
import re

import numpy as np
import pytest

from neuroquant.errors import InputError
from neuroquant.subject_page import write_page
from neuroquant.subject_page.page import LIMIT
from tests.subject_page.made import SHAPE, egg, session

MODEL_GRID = (144, 192, 144)


def written(tmp_path, sessions, title="sub-01: model", distribution=None):
    """The text of a page."""
    write_page(tmp_path / "page.html", title, sessions, distribution or {})
    return (tmp_path / "page.html").read_text()


def alts(text):
    """The texts of all pictures."""
    return re.findall(r'<img src="data:image/webp;base64,[\w+/=]+" alt="([^"]*)">', text)


def test_every_session_and_modality_has_its_pictures(tmp_path):
    sessions = [session(name="ses-01"), session(name="ses-02", modalities=("T2w", "FLAIR", "PDw"))]
    parts = re.split(r'<section id="s\d', written(tmp_path, sessions))[1:]
    for part, modalities in zip(parts, (("T1w", "T2w"), ("T2w", "FLAIR", "PDw")), strict=True):
        for modality in modalities:
            for plane in ("axial", "coronal", "sagittal"):
                assert sum(alt.startswith(f"{modality}, {plane} slice") for alt in alts(part)) == 6
                for kind in ("original", "reconstruction", "absolute error"):
                    assert f"{modality}, {kind}, {plane} slice 1 of 2" in alts(part)
        assert {alt.split(",")[0] for alt in alts(part)} == set(modalities)
        assert part.count("<svg viewBox") == 18, "an outline on each slice"


def test_without_reconstruction_second_modality_or_numbers_their_parts_are_left_out(tmp_path):
    text = written(tmp_path, [session(modalities=("T1w",), copies=False, numbers={})])
    assert len(alts(text)) == 18 and "<h3>Reconstruction" not in text and "<h3>Numbers" not in text
    assert 'type="radio" class="pick' not in text and 'class="flicker"' not in text.partition("</style>")[2]
    assert "no scan on the model's grid" in written(tmp_path, [session(images={}, reconstructions={})])


def test_an_image_made_of_another_modality_is_shown_without_an_error(tmp_path):
    text = written(tmp_path, [session(modalities=("T1w",), reconstructions={"T2w": egg()})])
    assert "T2w: made without an original" in text and "T2w, reconstruction, axial slice 1 of 2" in alts(text)
    assert not [alt for alt in alts(text) if alt.startswith(("T2w, original", "T2w, absolute"))]


def test_nothing_is_loaded_from_outside(tmp_path):
    text = written(tmp_path, [session(), session(name="ses-02")])
    markup = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    references = re.findall(r"""(?:src|href|action)\s*=\s*["']?([^"'\s>]+)""", markup)
    assert references and all(each.startswith(("data:", "#")) for each in references), set(references)
    assert "url(" not in text and "http" not in re.sub(r"base64,[\w+/=]+", "", text).replace("http-equiv", "")
    assert "default-src 'none'" in text


BAD = "<script>alert(1)</script>\"'&"


def test_names_are_escaped_wherever_they_stand(tmp_path):
    one = session(BAD, BAD, (BAD, "T2w"), numbers={BAD: 1.0})
    text = written(tmp_path, [one, one], title=BAD, distribution={BAD: [0.0, 1.0, 2.0]})
    assert text.count("<script") == 2 and "alert(1)</script>" not in text
    assert not re.search(r'(?<!=)"\'&(?!amp|quot|lt|gt|#)', text.partition('id="facts">')[0])
    facts = json.loads(re.search(r'id="facts">(.*?)</script>', text)[1])
    assert facts["title"] == facts["sessions"][0]["subject"] == BAD
    assert facts["file"] == "script_alert_1_script_rating.json"


def test_a_rating_is_of_these_pictures(tmp_path):
    first, second = (
        json.loads(re.search(r'id="facts">(.*?)</script>', written(tmp_path, [one]))[1])["sessions"][0]
        for one in (session(), session(mask=np.ones(SHAPE, bool)))
    )
    assert first["pictures"] != second["pictures"]


def test_percentile_and_outlier_are_those_of_the_cohort(tmp_path):
    usual = [1300.0, 1310.0, 1290.0, 1305.0, 1295.0]
    values = {"T1w PSNR (dB)": [18.0, 20.0, 21.0, 24.0, 26.0], "brain (ml)": usual * 2}
    text = written(tmp_path, [session(numbers={"T1w PSNR (dB)": 21.0, "brain (ml)": 900.0})], distribution=values)
    psnr, brain = re.findall(r'<tr><th scope="row">.*?</tr>', text)
    assert "<td>21.00</td>" in psnr and "percentile 50, n = 5" in psnr and "stands out" not in psnr
    assert "<td>900.0</td>" in brain and "percentile 0, n = 10" in brain and "stands out" in brain
    few = written(tmp_path, [session(numbers={"brain (ml)": 900.0})], distribution={"brain (ml)": usual})
    assert "percentile 0, n = 5" in few and "stands out" not in few, "the spread of five values isn't known"
    assert "no values of a cohort" in written(tmp_path, [session()])


def test_two_writings_give_the_same_bytes(tmp_path):
    assert written(tmp_path, [session()]) == written(tmp_path, [session()])


def test_a_page_without_a_session_is_refused(tmp_path):
    with pytest.raises(InputError, match="no session"):
        write_page(tmp_path / "page.html", "x", [], {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_a_page_stays_below_its_limit_even_if_scans_are_noise(tmp_path, count):
    noise = np.random.default_rng(0).random(MODEL_GRID, dtype=np.float32)
    images = {name: noise for name in ("T1w", "T2w", "FLAIR")}
    one = session(images=images, reconstructions=images, mask=egg(MODEL_GRID) > 0)
    text = written(tmp_path, [one] * count)
    assert len(text.encode()) <= LIMIT == 3_000_000
    assert len(alts(text)) >= count * 3 * 3 * 4, "and every plane of every modality is there"

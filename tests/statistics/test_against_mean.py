"""A trained model that isn't above the mean training image is marked, in every table, in figure 3 and in words."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.config.model import ModelEntry
from neuroquant.files import write_tsv
from neuroquant.report.figures.figure3 import marked
from neuroquant.report.sentences import SIGNS, mean_image_sentences
from neuroquant.report.tables.layout import Numbers
from neuroquant.report.tables.write import write_tables
from neuroquant.statistics import metrics
from neuroquant.statistics.against_mean import (
    ABOVE,
    ARCHITECTURE,
    BELOW,
    UNSHOWN,
    against_mean,
    verdicts,
)
from neuroquant.statistics.metrics import METRICS, Metric
from tests.made_up import computed_of, scores_of, write_table

PLACE = ("synthetic_a", "T1w")
LEADS = {"vqgan": [-0.2, -0.1], "sd_vae": [2.0, 2.1], "neuroquant": [1.0, -0.9]}


@pytest.fixture(scope="module")
def compared(experiment):
    """The demo with the mean image among its models, and some of its models in table 1."""
    others = tuple(entry for entry in experiment.models if entry.architecture != ARCHITECTURE)
    mean = ModelEntry(name="mean", label="Mean image", architecture=ARCHITECTURE, training={"phases": ()})
    models = ("vqgan", "sd_vae", "neuroquant", "identity", "lowpass")
    table1 = experiment.table1.model_copy(update={"models": (*models, "mean")})
    return experiment.model_copy(update={"models": (*others, mean), "table1": table1})


@pytest.fixture(scope="module")
def alone(compared):
    """The same without the mean image."""
    models = tuple(entry for entry in compared.models if entry.name != "mean")
    table1 = compared.table1.model_copy(update={"models": tuple(compared.table1.models[:-1])})
    return compared.model_copy(update={"models": models, "table1": table1})


def write(folder, leads, subjects=12, families=0):
    """PSNR of the mean image around 20 dB that goes up and down with the subject, and of models that lead it.

    leads : model -> what it has above the mean image for each subject in turn, in dB.
    """
    generator, rows = np.random.default_rng(0), []
    for number in range(subjects):
        base = 20 + 3 * generator.normal()
        who = {"cohort": PLACE[0], "subject": f"s{number}", "session": "1", "modality": PLACE[1]}
        who["family"] = f"f{number % families}" if families else ""
        for model, lead in {"mean": [0.0], **leads}.items():
            value = base + lead[number % len(lead)]
            rows.append({**who, "model": model, "region": "whole", "metric": "psnr", "value": value})
    write_tsv(pd.DataFrame(rows), folder / "fidelity.tsv")


def test_the_verdict_is_on_paired_differences_between_the_same_sessions(tmp_path, compared):
    leads = {"vqgan": [-0.2, -0.1], "sd_vae": [0.2, 0.1], "neuroquant": [1.0, -0.9], "lowpass": [-5.0]}
    write(tmp_path, leads)
    table = against_mean(compared, scores_of(tmp_path, compared)).set_index("model")
    assert table.against_mean.to_dict() == {"vqgan": BELOW, "sd_vae": ABOVE, "neuroquant": UNSHOWN}
    assert table.difference["sd_vae"] == pytest.approx(0.15) and 0 < table.ci_low["sd_vae"] < 0.15
    assert table.ci_low["neuroquant"] < 0 < table.difference["neuroquant"] < table.ci_high["neuroquant"]
    assert (table.n_subjects == 12).all() and "lowpass" not in table.index, "a row without training isn't marked"


def test_a_difference_of_nothing_is_below_and_one_family_alone_shows_nothing(tmp_path, compared):
    write(tmp_path, {"vqgan": [0.0], "sd_vae": [1.0]}, families=1)
    outcomes = verdicts(against_mean(compared, scores_of(tmp_path, compared)))
    assert outcomes == {(PLACE[0], "vqgan", "T1w"): BELOW, (PLACE[0], "sd_vae", "T1w"): UNSHOWN}


def test_families_are_resampled_whole(tmp_path, compared):
    """Four of six families gain, three subjects each: as subjects they'd be enough, as families they aren't."""
    leads = {"sd_vae": [1.0, 1.0, 1.0, 1.0, -0.6, -0.6]}
    write(tmp_path, leads, 18)
    as_subjects = against_mean(compared, scores_of(tmp_path, compared))
    write(tmp_path, leads, 18, families=6)
    as_families = against_mean(compared, scores_of(tmp_path, compared))
    assert (as_subjects.against_mean.item(), as_families.against_mean.item()) == (ABOVE, UNSHOWN)


def test_an_exact_copy_is_above_and_sessions_that_only_one_has_do_not_count(tmp_path, compared):
    write(tmp_path, {"sd_vae": [np.inf], "vqgan": [1.0]})
    scores = scores_of(tmp_path, compared)
    scores.loc[(scores.model == "vqgan") & (scores.subject == "s0"), "value"] = -100.0
    scores = scores[~((scores.model == "mean") & (scores.subject == "s0"))]
    table = against_mean(compared, scores).set_index("model")
    assert (table.against_mean == ABOVE).all() and table.difference["vqgan"] == pytest.approx(1.0)


def test_where_lower_is_better_a_model_below_the_mean_image_is_ahead_of_it(tmp_path, compared, monkeypatch):
    monkeypatch.setattr(
        metrics, "METRICS", (*METRICS, Metric("mean_error", "Error", "%", "fidelity", higher_is_better=False))
    )
    write(tmp_path, {"vqgan": [0.2, 0.1], "sd_vae": [-0.2, -0.1], "neuroquant": [-1.0, 0.9], "medvae": [-np.inf]})
    scores = scores_of(tmp_path, compared).assign(metric="mean_error")
    table = against_mean(compared, scores, "mean_error").set_index("model")
    assert table.against_mean.to_dict() == {
        "vqgan": BELOW, "sd_vae": ABOVE, "neuroquant": UNSHOWN, "medvae": ABOVE,
    }  # fmt: skip
    assert table.difference["sd_vae"] == pytest.approx(-0.15), "the difference itself keeps its sign"


def forms(folder, experiment, leads):
    """Table 1 as data and as Markdown, HTML and LaTeX, of scores as `write` writes them."""
    write(folder, leads)
    cells, tests = write_table(folder, experiment)
    out = {kind: folder / f"t.{kind}" for kind in ("md", "html", "tex")}
    write_tables(experiment, "table1", Numbers(cells, tests, {}), [], out)
    return cells, [path.read_text() for path in out.values()]


def test_every_form_of_the_table_has_the_mark_and_says_what_it_means(tmp_path, compared):
    cells, texts = forms(tmp_path, compared, LEADS)
    assert cells.set_index("model").against_mean.dropna().to_dict() == {
        "vqgan": BELOW, "sd_vae": ABOVE, "neuroquant": UNSHOWN,
    }  # fmt: skip
    for text, signs in zip(texts, [SIGNS, SIGNS, {BELOW: r"$^{\dagger}$", UNSHOWN: r"$^{\ddagger}$"}], strict=True):
        lines = {name: next(line for line in text.splitlines() if name in line) for name in ("VQGAN", "SD-VAE")}
        if text is not texts[1]:
            assert signs[BELOW] in lines["VQGAN"] and signs[BELOW] not in lines["SD-VAE"]
        assert text.count(signs[BELOW]) >= 1 and text.count(signs[UNSHOWN]) >= 1
        assert BELOW in text and UNSHOWN in text and "has learned nothing" in text
    assert f'title="{BELOW}">{SIGNS[BELOW]}</span>' in texts[1]
    differences = computed_of(tmp_path, compared).against_mean_of(compared, "table1")
    assert differences.model.tolist() == ["vqgan", "sd_vae", "neuroquant"]


def test_the_front_page_names_who_is_below_or_that_nobody_was_compared(tmp_path, compared, alone):
    cells, _ = forms(tmp_path, compared, LEADS)
    below, unshown = mean_image_sentences(compared, cells)
    assert below == "Synthetic A, PSNR below the mean image: VQGAN (T1w): by this score nothing was learned."
    assert unshown == "Synthetic A, PSNR not shown to be above the mean image: NeuroQuant (T1w)."
    cells, texts = forms(tmp_path, alone, LEADS)
    assert cells.against_mean.isna().all() and not any(sign in text for text in texts for sign in SIGNS.values())
    assert "no `mean` model" in mean_image_sentences(alone, cells)[0]
    cells, _ = forms(tmp_path, compared, {"sd_vae": [2.0, 2.1]})
    assert mean_image_sentences(compared, cells) == [
        "Every trained model's PSNR is above that of the mean image on every cohort and modality."
    ]
    nothing, _ = forms(tmp_path, compared, {})
    assert "No model was compared with the mean image" in mean_image_sentences(compared, nothing)[0]


def test_figure_3_marks_the_label_and_says_on_which_modality(tmp_path, compared):
    verdicts = {("a", "T1w"): BELOW, ("a", "T2w"): UNSHOWN, ("b", "T1w"): ABOVE}
    labels, foot = marked({"a": "A", "b": "B"}, ("T1w", "T2w"), verdicts, 80)
    assert labels == {"a": "A \u2020\u2021", "b": "B"}
    assert foot == [
        "\u2020 PSNR below the mean image: A (T1w)", "\u2021 PSNR not shown to be above the mean image: A (T2w)",
    ]  # fmt: skip
    _, narrow = marked({"a": "A", "b": "B"}, ("T1w", "T2w"), verdicts, 20)
    assert len(narrow) > 2 and max(map(len, narrow)) <= 20

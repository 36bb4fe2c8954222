"""A metric is a line in the registry: columns, ranks, tests, claims and figures follow, whichever way is better."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neuroquant.config.evaluation import Fidelity
from neuroquant.errors import InputError
from neuroquant.evaluation.fidelity import MEASURES, score_fidelity
from neuroquant.files import read_tsv, write_tsv
from neuroquant.report.tables.layout import Numbers
from neuroquant.report.tables.write import write_tables
from neuroquant.statistics import metrics
from neuroquant.statistics.cells import cells as cells_of
from neuroquant.statistics.choice import worst_images
from neuroquant.statistics.claims.leads import Leads
from neuroquant.statistics.claims.listed import Claim
from neuroquant.statistics.computed import paired_tests_of_tables
from neuroquant.statistics.gather import gather
from neuroquant.statistics.metrics import METRICS, Metric, metric, of_source, shown_in, table_metrics
from neuroquant.statistics.rate import rate_columns
from neuroquant.statistics.scores import READERS
from tests.made_up import scores_of, write_table
from tests.training.helpers import write_volumes

ERROR = Metric("error", "Error", "%", "fidelity", ("table1", "rate", "groups"), higher_is_better=False, digits=3)
"""A mean absolute error, of which less is better."""


@pytest.fixture
def with_error(monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", (*METRICS, ERROR))


@pytest.fixture
def erring(tmp_path, experiment, numbers, with_error):
    """Scores in which SD-VAE has by far the smallest error, NeuroQuant the second smallest, and VQGAN the largest."""
    numbers(tmp_path, experiment, subjects=16)
    table = read_tsv(tmp_path / "fidelity.tsv", ("value",))
    errors = table[(table.metric == "psnr") & (table.region == "whole")].assign(metric="error")
    level = errors.model.map({"sd_vae": 0.01, "neuroquant": 0.02, "vqgan": 0.09}).fillna(0.05)
    errors["value"] = level + 0.001 * np.random.default_rng(0).normal(size=len(errors))
    write_tsv(pd.concat([table, errors]), tmp_path / "fidelity.tsv")
    return tmp_path


def test_the_least_is_the_best_where_lower_is_better(erring, experiment):
    cells, tests = write_table(erring, experiment)
    own = cells[(cells.metric == "error") & (cells.cohort == "synthetic_a") & (cells.modality == "T1w")].set_index(
        "model"
    )
    group = [entry.name for entry in experiment.models if entry.group == "trained_here"]
    assert (own["rank"]["sd_vae"], own["rank"]["neuroquant"]) == (1, 2)
    assert own["rank"]["vqgan"] == own["rank"][own.index.isin(group)].max(), "the largest error comes last"
    assert own["value"]["sd_vae"] == pytest.approx(1.0, abs=0.1), "in percent, as the line says"
    assert not own.tied["sd_vae"]
    tested = tests[(tests.metric == "error") & tests.model.isin(group)]
    assert (tested[tested["rank"] == 1].model == "sd_vae").all() and (
        tested[tested["rank"] > 1].against == "sd_vae"
    ).all()
    assert (tested[tested["rank"] > 1].difference > 0).all(), "errors above the best model's"


def test_a_table_has_the_column_with_its_label_its_digits_and_the_least_in_bold(erring, experiment):
    cells, tests = write_table(erring, experiment)
    out = {kind: erring / f"t.{kind}" for kind in ("md", "html", "tex")}
    write_tables(experiment, "table1", Numbers(cells, tests, {}), [], out)
    markdown, page, latex = (path.read_text() for path in out.values())
    head, line = (next(x for x in markdown.splitlines() if x.startswith(start)) for start in ("| Model", "| SD-VAE"))
    column = [name.strip() for name in head.split("|")].index("T1w Error")
    value = cells[(cells.model == "sd_vae") & (cells.metric == "error") & (cells.modality == "T1w")].value.iloc[0]
    assert f"**{value:.3f}**" in line.split("|")[column]
    assert "<th>Error</th>" in page and "Dice & Error" in latex and rf"\textbf{{{value:.3f}}}" in latex


def test_a_claim_is_ahead_where_its_error_is_smaller(erring, experiment, monkeypatch):
    claim = Claim(
        id="x", section="", says="", model="NeuroQuant", over=("SD-VAE", "VQGAN"), metrics=("error",),
        modalities=("T1w",),
    )  # fmt: skip
    monkeypatch.setattr("neuroquant.statistics.claims.leads.claims", lambda: (claim,))
    scores = scores_of(erring, experiment)
    leads = Leads(experiment, scores, paired_tests_of_tables(experiment, scores)).known
    outcomes = {(comparison.rival, lead.outcome) for comparison, lead in leads.items()}
    assert outcomes == {("sd_vae", "contradicted"), ("vqgan", "holds")}
    ends = [lead.interval for lead in leads.values()]
    assert all(interval.low <= interval.value <= interval.high for interval in ends)


def test_the_worst_image_is_that_with_the_largest_error(erring, experiment, monkeypatch):
    scores = scores_of(erring, experiment).assign(sex="F", age=9.0)
    monkeypatch.setattr(metrics, "METRICS", (replace(ERROR, shown_in=("worst",)),))
    images = worst_images(scores, "sd_vae")
    every = scores[(scores.model == "sd_vae") & (scores.metric == "error")]["value"]
    assert images.error.iloc[0] == every.max() and images.error.is_monotonic_decreasing


def test_a_function_and_a_line_bring_a_metric_from_the_images_to_the_cells(
    tmp_path, experiment, monkeypatch, with_error
):
    """As docs/metrics.md says: nothing else is to be changed."""

    def mean_absolute_error(x, y, inside, window):
        error = (x - y).abs()
        return error.mean((1, 2, 3, 4)) if inside is None else error[inside].mean()[None]

    monkeypatch.setitem(MEASURES, "error", mean_absolute_error)
    volumes = write_volumes(tmp_path / "volumes.h5", "test", 6)
    settings = Fidelity()
    for model, seed in (("sd_vae", 0), ("neuroquant", 1)):
        file = write_volumes(tmp_path / f"{model}.h5", "test", 6, seed)
        score_fidelity(volumes, {model: file}, settings, tmp_path / f"{model}.tsv", 1)
    gather("fidelity", [tmp_path / "sd_vae.tsv", tmp_path / "neuroquant.tsv"], tmp_path / "fidelity.tsv")
    own = cells_of(experiment, scores_of(tmp_path, experiment))
    own = own[(own.metric == "error") & (own.modality == "T1w")].set_index("model")
    assert own["value"]["sd_vae"] == 0 < own["value"]["neuroquant"] and (own.n_subjects == 6).all()


def test_every_part_takes_its_metrics_from_the_registry(with_error):
    assert [one.name for one in shown_in("table1")] == ["psnr", "ssim", "accuracy", "dice", "error"]
    assert [one.name for one in shown_in("table2")] == ["psnr", "ssim", "accuracy"]
    assert {"error", "error_low", "error_high"} <= set(rate_columns())
    assert {one.source for one in METRICS} == set(READERS) and ERROR in of_source("fidelity")
    assert (metric("psnr").points, metric("ssim").points, ERROR.titled) == ("dB", "points", "Error (%)")


def test_an_experiment_adds_columns_after_the_papers(erring, experiment, monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", (*METRICS, replace(ERROR, shown_in=())))
    assert "error" not in set(write_table(erring, experiment)[0].metric)
    table1 = experiment.table1.model_copy(update={"metrics": ("error", "psnr")})
    cells, tests = write_table(erring, experiment.model_copy(update={"table1": table1}))
    assert set(cells.metric) == {"psnr", "ssim", "accuracy", "dice", "error"} and "error" in set(tests.metric)
    columns = [one.name for one in table_metrics(experiment.model_copy(update={"table1": table1}), "table1")]
    assert columns == ["psnr", "ssim", "accuracy", "dice", "error"], "the paper's first, each once"


def test_a_metric_without_a_line_is_left_out_and_the_log_names_it(tmp_path, experiment, numbers, capsys):
    numbers(tmp_path, experiment)
    table = read_tsv(tmp_path / "fidelity.tsv")
    write_tsv(pd.concat([table, table[table.metric == "ssim"].assign(metric="dists")]), tmp_path / "fidelity.tsv")
    assert "dists" not in set(scores_of(tmp_path, experiment).metric)
    assert "no line in statistics/metrics.py, so not used: dists" in capsys.readouterr().err
    with pytest.raises(InputError, match="'dists'"):
        metric("dists")

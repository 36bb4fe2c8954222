"""Tables and figures come from the tidy numbers alone, mark what is best, and name what is a stand-in."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.files import write_tsv
from neuroquant.report.figures import figure4
from neuroquant.report.tables.layout import Numbers
from neuroquant.report.tables.write import write_tables
from neuroquant.statistics.gather import gather
from neuroquant.statistics.published import published
from neuroquant.tables import TABLE
from tests.made_up import COMPUTED, write_table


def make(folder, experiment, table="table1"):
    cells, tests = write_table(folder, experiment, table)
    out = {kind: folder / f"{table}.{kind}" for kind in ("md", "html", "tex")}
    write_tables(experiment, table, Numbers(cells, tests, {"sd_vae": ("8x", "99", "0.3")}), [], out)
    return cells, tests, [path.read_text() for path in out.values()]


def test_the_tidy_table_has_the_stated_columns_and_the_configured_region(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    cells, _, _ = make(tmp_path, experiment)
    assert list(cells.columns) == TABLE
    assert len(cells) == 2 * len(experiment.table1.models) * 2 * 4
    psnr = cells[(cells.metric == "psnr") & (cells.model == "sd_vae") & (cells.modality == "T1w")]
    assert psnr.value.between(26, 30).all() and (psnr.ci_low < psnr.value).all() and (psnr.value < psnr.ci_high).all()
    assert (cells[cells.metric == "accuracy"].value == 100).all(), "the table shows SEResNet, not the linear probe"
    assert (cells[cells.metric == "dice"].value == 80).all() and (cells.n_subjects == 12).all()


def test_published_values_stand_beside_and_never_in_place(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    cells, _, (markdown, page, _) = make(tmp_path, experiment)
    row = cells[(cells.model == "neuroquant") & (cells.cohort == "synthetic_a") & (cells.modality == "T1w")]
    assert row[row.metric == "psnr"].published.item() == 28.89 != row[row.metric == "psnr"].value.item()
    assert "[28.89]" in markdown and "[28.89]" in page
    assert published("table2", "NCANDA", "NeuroQuant", "T2w", "accuracy") == 68.36
    assert np.isnan(published("table2", "NCANDA", "NeuroQuant", "T1w", "dice"))
    assert np.isnan(published("table1", "", "NeuroQuant", "T1w", "psnr"))


def test_best_is_bold_second_underlined_and_an_insignificant_lead_marked(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment, subjects=16)
    _, tests, (markdown, _, latex) = make(tmp_path, experiment)
    groups = {entry.name: entry.group for entry in experiment.models}
    assert (tests.model.map(groups) == tests.against.map(groups)).all(), "models are compared within their group"
    clear = tests[(tests.modality == "T1w") & (tests.metric == "psnr") & (tests.model.map(groups) == "trained_here")]
    assert (clear[clear["rank"] == 1].model == "sd_vae").all() and (clear.p_holm < 0.05).all()
    behind = clear[clear["rank"] > 1]
    assert (behind.against == "sd_vae").all() and (behind.ci_high < 0).all() and (behind.effect_size < -5).all()
    assert (tests.p_holm >= tests.p - 1e-12).all()
    line = next(line for line in markdown.splitlines() if line.startswith("| SD-VAE"))
    cell = line.split("|")[5]
    assert [part.strip() for part in line.split("|")[2:5]] == ["8x", "99", "0.3"]
    assert "**" in cell and "~" not in cell and "<u>" in markdown and "~" in markdown
    assert r"\textbf{" in latex and r"\underline{" in latex and latex.count(r"\begin{tabular}") == 1


def test_models_of_another_kind_stand_in_a_group_of_their_own(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment, subjects=16)
    _, tests, forms = make(tmp_path, experiment)
    untrained = {"mean", "pca", "jpeg2000", "dct", "identity", "lowpass"}
    assert untrained <= set(tests.model) and (tests.model.isin(untrained) == tests.against.isin(untrained)).all()
    assert all("trained here" in form and "without training" in form and "within their group" in form for form in forms)
    for form in forms:
        assert form.index("trained here") < form.index("without training")


def test_a_model_alone_in_its_group_is_not_tested(tmp_path, experiment, numbers):
    models = tuple(row for row in experiment.table1.models if row not in ("mean", "pca", "jpeg2000", "dct", "lowpass"))
    experiment = experiment.model_copy(update={"table1": experiment.table1.model_copy(update={"models": models})})
    numbers(tmp_path, experiment)
    cells, tests, _ = make(tmp_path, experiment)
    assert "identity" in set(cells.model) and "identity" not in set(tests.model) | set(tests.against)


def test_an_exact_copy_is_called_exact_and_not_tested(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    table = pd.read_csv(tmp_path / "fidelity.tsv", sep="\t", dtype=str, keep_default_na=False)
    table.loc[(table.model == "sd_vae") & (table.metric == "psnr"), "value"] = "inf"
    write_tsv(table, tmp_path / "fidelity.tsv")
    cells, tests, forms = make(tmp_path, experiment)
    assert cells.value.notna().all() and cells.ci_low.notna().all()
    assert all("exact" in form and "nan" not in form for form in forms)
    assert not ((tests.model == "sd_vae") & (tests.metric == "psnr")).any() and tests.difference.notna().all()


def test_stand_ins_are_named_in_every_form(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    cells, _, forms = make(tmp_path, experiment)
    assert cells.stand_in.str.contains("synthetic cohort").all()
    assert cells[cells.metric == "dice"].stand_in.str.contains("stand-in segmenter").all()
    assert all("STAND-IN" in form and "synthetic cohort" in form for form in forms)


@pytest.mark.slow
def test_the_same_numbers_give_the_same_bytes(tmp_path, experiment, numbers):
    for name in "ab":
        (tmp_path / name).mkdir()
        numbers(tmp_path / name, experiment)
        COMPUTED.clear()
        make(tmp_path / name, experiment, "table2")
        figure4.draw(tmp_path / name / "regions.tsv", experiment, tmp_path / name / "f.png", tmp_path / name / "f.svg")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_missing_scores_leave_cells_out_and_the_table_still_stands(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    for name in ("dice", "predictions"):
        gather(name, [], tmp_path / f"{name}.tsv")
    gather("regions", [], tmp_path / "regions.tsv")
    cells, _, (markdown, _, _) = make(tmp_path, experiment)
    assert set(cells.metric) == {"psnr", "ssim"} and "–" in markdown
    figure4.draw(tmp_path / "regions.tsv", experiment, tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 1000


def test_visits_of_a_subject_do_not_narrow_the_interval(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    once, _, _ = make(tmp_path, experiment)
    table = pd.read_csv(tmp_path / "fidelity.tsv", sep="\t", dtype=str, keep_default_na=False)
    write_tsv(pd.concat([table, table.assign(session="2"), table.assign(session="3")]), tmp_path / "fidelity.tsv")
    thrice, _, _ = make(tmp_path, experiment)
    key = (once.metric == "psnr").to_numpy()
    np.testing.assert_allclose(once.ci_low[key], thrice.ci_low[key])


def test_an_experiment_without_ablations_has_an_empty_table_2_that_says_why(tmp_path, experiment, numbers):
    none = experiment.model_copy(update={"table2": experiment.table2.model_copy(update={"models": ()})})
    numbers(tmp_path, none)
    cells, tests, forms = make(tmp_path, none, "table2")
    assert not len(cells) and not len(tests)
    assert all("no model of this experiment is an ablation of another" in text for text in forms)

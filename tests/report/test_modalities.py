"""Tables, figures and pages have a part for each modality of the experiment: one, two, or three."""

import pandas as pd
import pytest
from PIL import Image

from neuroquant.report.figures import figure4, rate
from neuroquant.report.figures.style import WIDTH, fill_of
from neuroquant.report.pages.front_words import in_words
from neuroquant.report.sentences import modality_fills
from neuroquant.report.tables.latex import as_latex
from neuroquant.report.tables.layout import Numbers, lay_out
from neuroquant.report.tables.markdown import as_markdown
from neuroquant.report.tables.web import as_html
from neuroquant.statistics.computed import table_of
from neuroquant.statistics.rate import ceilings, rates
from tests.made_up import computed_of, with_modalities

LISTS = [("T1w",), ("T1w", "T2w"), ("T1w", "T2w", "FLAIR")]


@pytest.fixture(scope="module", params=LISTS, ids="-".join)
def run(request, tmp_path_factory, experiment, numbers):
    """An experiment on some modalities, a folder with its scores, and what is computed of them."""
    folder, own = tmp_path_factory.mktemp("run"), with_modalities(experiment, *request.param)
    numbers(folder, own, subjects=6)
    return own, folder, computed_of(folder, own)


def test_tables_have_a_group_of_columns_per_modality_titled_by_its_suffix(run):
    experiment, _, computed = run
    cells = table_of(experiment, "table1", computed)
    sheet = lay_out(experiment, "table1", Numbers(cells, computed.tests_of("table1"), {}))
    assert all(len(line.cells) == 4 * len(experiment.modalities) for _, lines in sheet.groups for line in lines)
    markdown, page, latex = as_markdown(sheet), as_html(sheet), as_latex(sheet)
    for modality in experiment.modalities:
        assert f"| {modality} PSNR |" in markdown and f'<th colspan="4">{modality}</th>' in page
        assert rf"\multicolumn{{4}}{{c}}{{{modality}}}" in latex
    assert latex.count(r"\begin{tabular}") == (2 if len(experiment.modalities) > 2 else 1)
    assert ("FLAIR" in page) == ("FLAIR" in experiment.modalities)


@pytest.mark.slow
def test_figures_draw_every_modality_in_a_fill_of_its_own_within_a_page(run):
    experiment, folder, computed = run
    costs = pd.DataFrame(
        [{"model": entry.name, "cohort": cohort, "kbit_per_volume": 2.0 + number, "bits_per_voxel": 1.0,
          "kbit_coded": 1.5 + number}
         for number, entry in enumerate(experiment.models) for cohort in experiment.table1.cohorts]
    )  # fmt: skip
    table = rates(experiment, costs, computed.cells)
    assert set(table.modality) == set(experiment.modalities)
    rate.draw(experiment, table, ceilings(computed.cells), folder / "rate.png", folder / "rate.svg")
    figure4.draw(folder / "regions.tsv", experiment, folder / "figure4.png", folder / "figure4.svg")
    for name in ("rate", "figure4"):
        with Image.open(folder / f"{name}.png") as image:
            assert image.width / 300 <= 1.01 * WIDTH
        words = modality_fills(experiment.modalities)
        assert (words in (folder / f"{name}.svg").read_text()) == (len(experiment.modalities) > 1)


def test_the_front_page_names_the_modalities(run):
    experiment, _, computed = run
    first, *_ = in_words(experiment, computed.tests_of("table1"))
    assert f"{experiment.modalities[0]}" in first and ("FLAIR" in first) == ("FLAIR" in experiment.modalities)


def test_fills_of_modalities_differ():
    assert len({str(sorted(fill_of(order, "#000000").items())) for order in range(4)}) == 4
    assert modality_fills(("T1w", "T2w", "FLAIR")) == "Filled: T1w; hollow: T2w; left half filled: FLAIR"

"""Intervals and tests are computed once: tables, figures, structures and claims have the very same numbers."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.files import read_tsv, write_tsv
from neuroquant.statistics.agreement import structures
from neuroquant.statistics.cells import cells as cells_of
from neuroquant.statistics.claims.leads import Leads
from neuroquant.statistics.claims.ledger import Evidence, claims_ledger
from neuroquant.statistics.claims.numbers import numbers_ledger
from neuroquant.statistics.computed import Computed, paired_tests_of_tables, table_of
from neuroquant.statistics.rate import ceilings, rates
from neuroquant.statistics.scores import ScoreFiles
from neuroquant.tables import CELL_KEY, CELLS, COSTS, TESTS
from tests.made_up import COMPUTED, computed_of, scores_of, with_modalities, write_table

ENDS = ["value", "ci_low", "ci_high"]


def test_what_is_written_is_read_again_whole(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    computed = Computed.of(experiment, scores_of(tmp_path, experiment))
    again = computed_of(tmp_path, experiment)
    assert list(again.cells.columns) == CELLS and list(again.tests.columns) == ["table", *TESTS]
    pd.testing.assert_frame_equal(again.cells, computed.cells, check_dtype=False)
    pd.testing.assert_frame_equal(again.tests, computed.tests, check_dtype=False)
    pd.testing.assert_frame_equal(again.against_mean, computed.against_mean, check_dtype=False)


def test_a_table_and_the_rates_have_the_cells_numbers(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    computed = computed_of(tmp_path, experiment)
    for name in ("table1", "table2"):
        table = table_of(experiment, name, computed)
        both = table.merge(computed.cells, on=CELL_KEY, suffixes=("", "_cell"))
        assert len(both) == len(table) > 0
        for end in ENDS:
            np.testing.assert_array_equal(both[end], both[f"{end}_cell"])
    spent = pd.DataFrame([["sd_vae", "synthetic_a", 8, 48.0, 0.1, 31.0, 9, 5, 1.0, 1.0]], columns=COSTS)
    cell = computed.cells.set_index(CELL_KEY).loc["synthetic_a", "sd_vae", "T1w", "psnr"]
    point = rates(experiment, spent, computed.cells).set_index("modality").loc["T1w"]
    assert (point.psnr, point.psnr_low, point.psnr_high) == (cell["value"], cell.ci_low, cell.ci_high)


def test_the_mean_over_structures_has_the_interval_of_its_cell(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    cells = computed_of(tmp_path, experiment).cells
    changed = cells.assign(ci_low=cells.ci_low - 7.0)
    table = structures(experiment, read_tsv(tmp_path / "dice.tsv", ("dice",)).assign(nsd=0.5), changed)
    mean, one = (table[table.structure == name] for name in ("mean", "11"))
    assert (mean.dice_low == 73).all() and (one.dice_low == 10).all(), "read for the mean, computed for a structure"


def test_a_statement_takes_the_lead_that_its_table_tests_from_there(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment, subjects=16)
    scores = scores_of(tmp_path, experiment)
    tests = paired_tests_of_tables(experiment, scores)
    changed = tests.assign(difference=tests.difference + 100 * np.sign(tests.difference))
    leads = Leads(experiment, scores, changed).known
    own = [
        lead.value
        for c, lead in leads.items()
        if c.table == "table1" and {c.model, c.rival} == {"neuroquant", "sd_vae"}
    ]
    assert any(abs(value) > 100 for value in own)


def test_the_test_retest_is_a_mean_over_the_images_of_all_modalities(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    table = read_tsv(tmp_path / "dice.tsv", ("dice",))
    again = table[(table.model == "sd_vae") & (table.structure == "mean")].assign(model="ceiling")
    again = again[(again.modality == "T1w") | (again.subject < "s3")]
    again["dice"] = np.where(again.modality == "T1w", 0.9, 0.6)
    write_tsv(pd.concat([table, again]), tmp_path / "dice.tsv")
    level = ceilings(computed_of(tmp_path, experiment).cells)
    level = level[level.metric == "dice"].set_index("cohort").value["synthetic_a"]
    assert level == pytest.approx(100 * again[again.cohort == "synthetic_a"].dice.mean())


@pytest.mark.parametrize("modalities", [("T1w",), ("FLAIR", "T1w", "T2w"), ("FLAIR", "T1ce")])
def test_tables_have_a_part_for_each_modality_and_the_papers_numbers_stay_with_its_own(
    tmp_path, experiment, numbers, modalities
):
    experiment = with_modalities(experiment, *modalities)
    numbers(tmp_path, experiment)
    cells, tests = write_table(tmp_path, experiment)
    assert tuple(dict.fromkeys(cells.modality)) == modalities == tuple(dict.fromkeys(tests.modality))
    published = {modality for modality in modalities if cells[cells.modality == modality].published.notna().any()}
    assert published == set(modalities) & {"T1w", "T2w"}
    ledger = numbers_ledger(experiment, {"table1": cells})
    for modality in ("T1w", "T2w"):
        verdicts = ledger[ledger.modality == modality].verdict
        assert (verdicts == f"not run: this experiment has no {modality}").all() == (modality not in modalities)


def test_statements_about_a_modality_that_an_experiment_lacks_are_not_run_and_the_others_are(
    tmp_path, experiment, numbers
):
    experiment = with_modalities(experiment, "T1w", "FLAIR")
    numbers(tmp_path, experiment)
    scores = scores_of(tmp_path, experiment)
    evidence = Evidence(scores, paired_tests_of_tables(experiment, scores), rates={"sd_vae": 65.5, "neuroquant": 0.1})
    ledger = claims_ledger(experiment, evidence).set_index("id")
    both = "not run: the statement is about T1w and T2w, and this experiment has no T2w"
    assert ledger.loc["joint"].verdict == both == ledger.loc["invariant"].verdict
    assert ledger.loc["joint-t1-psnr"].verdict.startswith("ours"), "it is about T1w alone"
    assert ledger.loc["compactness"].verdict.startswith("holds"), "bits have no modality"


def test_a_score_without_its_session_in_a_second_model_makes_no_pair(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    table = read_tsv(tmp_path / "fidelity.tsv")
    write_tsv(table[~((table.model == "sd_vae") & (table.subject == "s5"))], tmp_path / "fidelity.tsv")
    scores = scores_of(tmp_path, experiment)
    tests = paired_tests_of_tables(experiment, scores)
    of_ssim = tests[(tests.metric == "ssim") & (tests.table == "table1")]
    alone = of_ssim.model.eq("sd_vae") | of_ssim.against.eq("sd_vae")
    assert (of_ssim[alone].n_subjects == 11).all() and (of_ssim[~alone].n_subjects == 12).all()
    cell = cells_of(experiment, scores).set_index(CELL_KEY).loc["synthetic_a", "sd_vae", "T1w", "psnr"]
    assert cell.n_subjects == cell.scores == 11


def test_no_table_at_all_gives_no_cells_and_no_tests(tmp_path, experiment, capsys):
    assert not ScoreFiles.in_folder(tmp_path).dice.exists()
    COMPUTED.clear()
    computed = computed_of(tmp_path, experiment)
    assert computed.cells.empty and computed.tests.empty and computed.against_mean.empty
    assert table_of(experiment, "table1", computed).empty
    assert "missing or empty" in capsys.readouterr().err

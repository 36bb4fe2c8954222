"""Tests are corrected over a whole table, count families once, and mean the same in a table and in the ledger."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from neuroquant.files import read_tsv, write_tsv
from neuroquant.report.tables.layout import Numbers, lay_out
from neuroquant.statistics.claims.leads import Leads
from neuroquant.statistics.claims.ledger import Evidence, claims_ledger
from neuroquant.statistics.computed import paired_tests_of_tables
from neuroquant.statistics.runner_up import corrected
from tests.made_up import scores_of, write_table

FILES = ("fidelity", "dice", "predictions")


@pytest.fixture
def few(experiment):
    """Three trained models in Table 1, and the references."""
    models = ("sd_vae", "neuroquant", "neuroquant_wo_joint", "identity", "lowpass")
    fewer = experiment.table1.model_copy(update={"models": models})
    cohorts = tuple(cohort.model_copy(update={"stand_in": False}) for cohort in experiment.cohorts)
    return experiment.model_copy(update={"table1": fewer, "cohorts": cohorts})


def test_holms_correction_of_a_small_table_by_hand():
    """Two columns of three rows. The best and the second share one test: four tests, of which the smallest p counts
    four times, the next three times, and none less than the one before."""
    table = pd.DataFrame({"rank": [1, 2, 3, 1, 2, 3], "p": [0.01, 0.01, 0.04, 0.03, 0.03, 0.002]})
    assert corrected(table).tolist() == pytest.approx([0.03, 0.03, 0.06, 0.06, 0.06, 0.008])


def test_a_table_corrects_over_all_of_its_tests_and_counts_each_once(tmp_path, few, numbers):
    numbers(tmp_path, few, subjects=16)
    _, tests = write_table(tmp_path, few)
    once = tests[tests["rank"] != 2]
    expected = multipletests(once.p, method="holm")[1]
    assert (once.p_holm >= expected - 1e-12).all(), "comparisons of the ledger of claims count too"
    assert (once.p_holm > 5 * once.p)[once.p < 0.001].all(), "many tests, so the correction is large"
    first, second = (tests[tests["rank"] == rank].p_holm.to_numpy() for rank in (1, 2))
    np.testing.assert_array_equal(first, second)


def twins(table):
    """Each subject once more as a sibling with the same scores."""
    known = table.assign(family="of " + table.subject)
    return pd.concat([known, known.assign(subject="twin of " + known.subject)])


def test_a_sibling_with_the_same_scores_is_no_further_evidence(tmp_path, few, numbers):
    (tmp_path / "twins").mkdir()
    numbers(tmp_path, few)
    for name in FILES:
        table = read_tsv(tmp_path / f"{name}.tsv").assign(family="")
        write_tsv(table, tmp_path / f"{name}.tsv")
        write_tsv(twins(table), tmp_path / "twins" / f"{name}.tsv")
    (cells, tests), (twice, tests_twice) = write_table(tmp_path, few), write_table(tmp_path / "twins", few)
    assert (twice.n_subjects == 2 * cells.n_subjects).all()
    for column in ("value", "ci_low", "ci_high"):  # families in the same order, so the same resamples
        np.testing.assert_allclose(twice[column], cells[column])
    for column in ("p", "p_holm", "effect_size"):
        np.testing.assert_allclose(tests_twice[column], tests[column], rtol=1e-6)


def test_each_group_has_a_best_and_a_second_of_its_own_whoever_leads_another(tmp_path, few, numbers):
    """The copy of the image is 17 dB above every model: SD-VAE is the best of its group all the same."""
    numbers(tmp_path, few, subjects=16)
    cells, tests = write_table(tmp_path, few)
    lines = [line for _, lines in lay_out(few, "table1", Numbers(cells, tests, {})).groups for line in lines]
    ranks = {line.label: line.cells[0].rank for line in reversed(lines) if line.cells[0] is not None}
    label = {name: few.model(name).shown for name in few.table1.models}
    assert ranks[label["sd_vae"]] == 1 and ranks[label["identity"]] == 1 and ranks[label["lowpass"]] == 2
    assert sorted([ranks[label["neuroquant"]], ranks[label["neuroquant_wo_joint"]]]) == [2, 3]


def leading(folder, experiment, numbers, subjects):
    """Scores in which NeuroQuant leads T2w PSNR by about 1 dB."""
    numbers(folder, experiment, subjects)
    table = read_tsv(folder / "fidelity.tsv", ("value",))
    ahead = (table.model == "neuroquant") & (table.metric == "psnr") & (table.modality == "T2w")
    table.loc[ahead, "value"] += 1
    write_tsv(table, folder / "fidelity.tsv")
    return scores_of(folder, experiment)


@pytest.mark.parametrize(("subjects", "verdict"), [(10, "undecided"), (24, "holds")])
def test_a_lead_that_is_not_significant_in_the_table_does_not_hold_in_the_ledger(
    tmp_path, few, numbers, subjects, verdict
):
    """With 10 subjects the interval leaves out 0, and the test does before its correction."""
    scores = leading(tmp_path, few, numbers, subjects)
    cells, tests = write_table(tmp_path, few)
    here = tests[(tests.modality == "T2w") & (tests.metric == "psnr") & (tests.model == "neuroquant")]
    assert (here["rank"] == 1).all() and (here.ci_low > 0).all() and (here.p < 0.05).all()
    assert (here.p_holm < 0.05).all() == (verdict == "holds")
    (line,) = {
        line.cells[4].tied
        for _, lines in lay_out(few, "table1", Numbers(cells, tests, {})).groups
        for line in lines
        if line.label == few.model("neuroquant").shown
    }
    assert line == (verdict == "undecided"), "marked in the table"
    tests = paired_tests_of_tables(few, scores)
    known = Leads(few, scores, tests).known
    asked = [c for c in known if c.modality == "T2w" and c.metric == "psnr" and c.model == "neuroquant"]
    of_table = [lead for c, lead in known.items() if c in asked and c.table == "table1" and len(c.cohorts) == 1]
    assert len(of_table) == 4 and {lead.outcome for lead in of_table} == {verdict}
    ledger = claims_ledger(few, Evidence(scores, tests)).set_index("id").loc["sota-rank"]
    said = ledger.details.str.contains("undecided: .*T2w PSNR over SD-VAE")
    assert said.all() == said.any() == (verdict == "undecided")


def test_a_comparison_has_the_p_value_of_the_table_or_one_of_the_same_family_of_tests(tmp_path, few, numbers):
    """Two models that both aren't best are no test of the table's; corrected together with all of those."""
    scores = leading(tmp_path, few, numbers, 24)
    behind = (scores.model == "neuroquant_wo_joint") & (scores.metric == "psnr") & (scores.modality == "T1w")
    scores.loc[behind, "value"] -= 0.1
    tests = paired_tests_of_tables(few, scores)
    known = {
        (test.cohort, test.metric, test.modality, *sorted((test.model, test.against))): (test.p, test.p_holm)
        for test in tests[tests.table == "table1"].itertuples()
    }
    inside, outside = [], {}
    for comparison, lead in Leads(few, scores, tests).known.items():
        if comparison.table == "table1":
            models = sorted((comparison.model, comparison.rival))
            place = ("/".join(comparison.cohorts), comparison.metric, comparison.modality, *models)
            if place in known:
                inside.append((lead.p, lead.p_holm) == known[place])
            else:
                outside[place] = (lead.p, lead.p_holm)
    assert inside and all(inside)
    assert any(len(place[0].split("/")) == 1 for place in outside), "behind SD-VAE, which leads T1w"
    assert any(len(place[0].split("/")) == 2 for place in outside), "gains on one cohort against the other"
    assert min(p for p, _ in outside.values()) < 0.02, "so that it shows how many tests they are corrected with"
    ps = [p for p, _ in known.values()] + [p for p, _ in outside.values()]
    tested = ~np.isnan(ps)
    expected = np.full(len(ps), np.nan)
    expected[tested] = multipletests(np.array(ps)[tested], method="holm")[1]
    np.testing.assert_allclose([p for _, p in outside.values()], expected[len(known) :])

"""The ledger holds every published number and judges statements by intervals of paired differences."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.files import read_tsv, write_tsv
from neuroquant.reporting.claims import claims, claims_ledger, numbers_ledger, write_ledger
from neuroquant.reporting.summarise import load_scores, summarise


@pytest.fixture(scope="module")
def experiment(experiment):
    """The demo with three rows in Table 1."""
    fewer = experiment.table1.model_copy(update={"rows": ("sd_vae", "neuroquant", "neuroquant_wo_joint")})
    return experiment.model_copy(update={"table1": fewer})


@pytest.fixture(scope="module")
def scored(tmp_path_factory, experiment, numbers):
    """Tidy tables and scores of a run in which SD-VAE leads T1w PSNR by 3 dB, and the full model Table 2 by 1 dB."""
    folder = tmp_path_factory.mktemp("claims")
    numbers(folder, experiment)
    fidelity = read_tsv(folder / "fidelity.tsv", ("value",))
    full = (fidelity.model == "neuroquant") & (fidelity.metric == "psnr")
    fidelity.loc[full, "value"] += 1 + 0.1 * np.random.default_rng(0).normal(size=full.sum())
    write_tsv(fidelity, folder / "fidelity.tsv")
    files = [folder / f"{name}.tsv" for name in ("fidelity", "dice", "predictions")]
    tables = {}
    for name in ("table1", "table2"):
        summarise(experiment, name, *files, folder / f"{name}.csv", folder / "tests.csv")
        tables[name] = pd.read_csv(folder / f"{name}.csv")
    return folder, tables, load_scores(experiment, *files)


def real(experiment):
    """The same experiment as if its cohorts were the paper's own."""
    cohorts = tuple(cohort.model_copy(update={"embedded": False}) for cohort in experiment.cohorts)
    return experiment.model_copy(update={"cohorts": cohorts})


def test_all_126_published_numbers_are_there_with_a_verdict(experiment, scored):
    ledger = numbers_ledger(experiment, scored[1])
    assert (ledger.table == "table1").sum() == 96 and (ledger.table == "table2").sum() == 30
    assert ledger.verdict.str.len().gt(0).all() and ledger.published.notna().all()
    run = ledger.ours.notna()
    assert ledger[run].verdict.str.startswith("can't be compared: an embedded cohort").all()
    assert set(ledger[~run].verdict) == {"not run: no row of this experiment stands for it"}
    assert set(ledger[~run].model) == {"VQGAN", "MediTok", "MedVAE"}
    assert run.sum() == 2 * 3 * 8 + 30


def test_on_the_papers_own_cohorts_a_number_is_inside_or_outside_the_interval(experiment, scored):
    tables = {name: table.copy() for name, table in scored[1].items()}
    at = tables["table1"]
    at = at.index[(at.model == "sd_vae") & (at.metric == "psnr") & (at.cohort == "embedded_a") & (at.modality == "T1w")]
    for low, high, verdict in (
        (27, 28, "inside our interval"),
        (25, 26, "outside: published higher than ours"),
        (28, 29, "outside: published lower than ours"),
    ):
        tables["table1"].loc[at, ["ci_low", "ci_high"]] = low, high
        ledger = numbers_ledger(real(experiment), tables)
        row = ledger[(ledger.model == "SD-VAE") & (ledger.published == 27.48)]
        assert row.verdict.item() == verdict


def test_statements_hold_or_are_contradicted_where_the_interval_leaves_out_zero(experiment, scored):
    ledger = claims_ledger(real(experiment), scored[2])
    here = ledger[ledger.cohort == "embedded_a"].set_index("id")
    joint = here.loc["joint-t1-psnr"]
    assert joint.verdict.startswith("ours +") and joint.verdict.endswith("published +0.38, outside our interval")
    rank = here.loc["sota-rank"]
    assert rank.not_run == "VQGAN; MediTok; MedVAE"
    assert rank.holds >= 2, "PSNR: second on T1w, which the statement allows, and ahead on T2w"
    assert here.loc["adversary"].holds == 8 and here.loc["adversary"].undecided == 4 * 4
    fma = here.loc["fma"]
    assert fma.holds + fma.undecided + fma.contradicted == 4


def test_a_statement_without_its_rows_or_cohort_says_so(experiment, scored):
    ledger = claims_ledger(experiment, scored[2]).set_index("id")
    assert ledger.loc["medvae-t1-psnr"].verdict.startswith("not run")
    assert (ledger.loc[[claim.id for claim in claims() if not claim.measured]].details.str.len() > 0).all()
    elsewhere = tuple(cohort.model_copy(update={"stands_for": ""}) for cohort in experiment.cohorts)
    ledger = claims_ledger(experiment.model_copy(update={"cohorts": elsewhere}), scored[2]).set_index("id")
    assert ledger.loc["joint-t1-psnr"].verdict == "not run: no cohort of this experiment stands for NCANDA"


def test_the_page_says_what_an_embedded_cohort_is_worth_and_the_same_scores_give_the_same_bytes(
    experiment, scored, tmp_path
):
    for name in ("a", "b"):
        out = [tmp_path / f"{name}.{end}" for end in ("numbers.csv", "csv", "html")]
        write_ledger(experiment, scored[1], scored[2], *out)
    for end in ("numbers.csv", "csv", "html"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()
    text = (tmp_path / "a.html").read_text()
    assert "says nothing about NCANDA" in text and "<script" not in text and "28.89" in text


def test_no_scores_at_all_still_give_a_ledger(experiment, scored):
    ledger = claims_ledger(experiment, scored[2][:0])
    assert ledger[ledger.id == "joint"].verdict.str.startswith("not run").all()

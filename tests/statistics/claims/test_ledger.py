"""The ledger holds every published number and judges statements by intervals of paired differences."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.cohorts.proof import PUBLISHED
from neuroquant.config.model import ModelEntry
from neuroquant.files import read_tsv, write_tsv
from neuroquant.report.pages.claims import as_page, not_the_papers
from neuroquant.statistics.claims.ledger import Evidence, claims, claims_ledger
from neuroquant.statistics.claims.numbers import numbers_ledger
from neuroquant.statistics.computed import paired_tests_of_tables
from neuroquant.statistics.published import TEST_SUBJECTS, cells_of
from neuroquant.tables import SCORES
from tests.made_up import scores_of, write_table

NO_SCORES = pd.DataFrame(columns=[*SCORES, "cluster"])


@pytest.fixture(scope="module")
def experiment(experiment):
    """The demo with three models in Table 1."""
    fewer = experiment.table1.model_copy(update={"models": ("sd_vae", "neuroquant", "neuroquant_wo_joint")})
    return experiment.model_copy(update={"table1": fewer})


@pytest.fixture(scope="module")
def scored(tmp_path_factory, experiment, numbers):
    """Tidy tables and scores of a run in which SD-VAE leads T1w PSNR by 3 dB, and the full model Table 2 by 1 dB."""
    folder = tmp_path_factory.mktemp("claims")
    numbers(folder, experiment, subjects=20)
    fidelity = read_tsv(folder / "fidelity.tsv", ("value",))
    full = (fidelity.model == "neuroquant") & (fidelity.metric == "psnr")
    fidelity.loc[full, "value"] += 1 + 0.1 * np.random.default_rng(0).normal(size=full.sum())
    write_tsv(fidelity, folder / "fidelity.tsv")
    tables = {name: write_table(folder, experiment, name)[0] for name in ("table1", "table2")}
    return folder, tables, scores_of(folder, experiment)


def ledger_of(experiment, scores, **more):
    """The ledger of statements on some scores, with the tests of their tables."""
    return claims_ledger(experiment, Evidence(scores, paired_tests_of_tables(experiment, scores), **more))


def real(experiment):
    """The same experiment as if its cohorts were the paper's own."""
    cohorts = tuple(cohort.model_copy(update={"stand_in": False}) for cohort in experiment.cohorts)
    return experiment.model_copy(update={"cohorts": cohorts})


def test_all_126_published_numbers_are_there_with_a_verdict(experiment, scored):
    ledger = numbers_ledger(experiment, scored[1])
    assert (ledger.table == "table1").sum() == 96 and (ledger.table == "table2").sum() == 30
    assert ledger.verdict.str.len().gt(0).all() and ledger.published.notna().all()
    run = ledger.ours.notna()
    assert ledger[run].verdict.str.startswith("can't be compared: a synthetic cohort").all()
    assert set(ledger[~run].verdict) == {"not run: no model of this experiment stands for it"}
    assert set(ledger[~run].model) == {"VQGAN", "MediTok", "MedVAE"}
    assert run.sum() == 2 * 3 * 8 + 30


def test_on_the_papers_own_cohorts_a_number_is_held_against_a_prediction_interval(experiment, scored):
    tables = {name: table.copy() for name, table in scored[1].items()}
    at = tables["table1"]
    at = at.index[
        (at.model == "sd_vae") & (at.metric == "psnr") & (at.cohort == "synthetic_a") & (at.modality == "T1w")
    ]
    wider = (1 + 20 / 122) ** 0.5  # of 20 subjects here, 122 in the paper
    for value, verdict in (
        (27.48 - 0.4, "inside our prediction interval"),
        (27.48 - 0.53, "inside our prediction interval"),
        (27.48 + 0.53, "inside our prediction interval"),
        (27.48 - 0.55, "outside: published higher than expected from ours"),
        (27.48 + 0.55, "outside: published lower than expected from ours"),
    ):
        tables["table1"].loc[at, ["value", "ci_low", "ci_high"]] = value, value - 0.5, value + 0.5
        ledger = numbers_ledger(real(experiment), tables)
        row = ledger[(ledger.model == "SD-VAE") & (ledger.published == 27.48)]
        assert row.verdict.item() == f"{verdict} (conditional on one training)"
        assert row.pi_high.item() == pytest.approx(value + 0.5 * wider)
    tables["table1"].loc[at, ["ci_low", "ci_high"]] = float("nan")
    ledger = numbers_ledger(real(experiment), tables)
    assert ledger[(ledger.model == "SD-VAE") & (ledger.published == 27.48)].verdict.item().startswith("undecided")
    tables["table1"].loc[at, "stand_in"] = "stand-in segmenter"
    ledger = numbers_ledger(real(experiment), tables)
    told = ledger[(ledger.model == "SD-VAE") & (ledger.published == 27.48)].verdict.item()
    assert told == "can't be compared: measured by a stand-in segmenter"


def test_the_papers_test_subjects_are_those_of_its_splits():
    assert {name: splits["test"][0] for name, splits in PUBLISHED.items()} == TEST_SUBJECTS


def test_statements_hold_or_are_contradicted_where_the_corrected_difference_is_significant(experiment, scored):
    ledger = ledger_of(real(experiment), scored[2])
    here = ledger[ledger.cohort == "synthetic_a"].set_index("id")
    joint = here.loc["joint-t1-psnr"]
    assert joint.verdict.startswith("ours +") and "published +0.38, outside our prediction interval" in joint.verdict
    rank = here.loc["sota-rank"]
    assert rank.not_run == "VQGAN; MediTok; MedVAE"
    assert rank.holds >= 2, "PSNR: second on T1w, which the statement allows, and ahead on T2w"
    assert here.loc["adversary"].holds == 8 and here.loc["adversary"].undecided == 4 * 4
    fma = here.loc["fma"]
    assert fma.holds + fma.undecided + fma.contradicted == 4


@pytest.fixture(scope="module")
def parted(experiment):
    """The same with SD-VAE and MedVAE once more with their authors' weights, ahead of all others in Table 1."""
    weights = {"filename": "w.safetensors", "licence": "MIT"}
    added = []
    for name in ("sd_vae", "medvae"):
        row = experiment.model(name).model_dump() | {"name": f"{name}_published", "label": f"{name} (authors' weights)"}
        added.append(ModelEntry.model_validate(row | {"weights": weights, "training": {"phases": []}}))
    table1 = experiment.table1.model_copy(
        update={"models": (*(entry.name for entry in added), *experiment.table1.models)}
    )
    return real(experiment).model_copy(update={"models": (*experiment.models, *added), "table1": table1})


def test_statements_compare_models_of_one_group_alone(parted, scored):
    scores = scored[2]
    better = [
        scores[scores.model == "sd_vae"].assign(model=name, value=lambda table: table["value"] + 50)
        for name in ("sd_vae_published", "medvae_published")
    ]
    alone = ledger_of(real(parted), scores)
    both = ledger_of(parted, pd.concat([scores, *better]), rates={entry.name: 1.0 for entry in parted.models})
    counts = ["holds", "undecided", "contradicted"]
    rank, before = (ledger[ledger.id == "sota-rank"].set_index("cohort").loc["synthetic_a"] for ledger in (both, alone))
    assert rank[counts].tolist() == before[counts].tolist()
    assert rank.not_run == "VQGAN; MediTok; MedVAE (run only with authors' weights, another group)"
    psnr = both.set_index("id").loc["medvae-t1-psnr"]
    assert psnr.verdict == "not run within one group: MedVAE only with authors' weights, another group"
    own = both.set_index("id").loc["medvae-best"]
    assert own.contradicted == 0 and own.undecided > 0, "MedVAE, whose weights are its authors', meets SD-VAE's"
    bits = both.set_index("id").loc["compactness"]
    assert bits.verdict == "holds against 0 of 1", "SD-VAE as it was trained here"


def test_a_published_number_has_a_line_for_each_group_that_ran_its_model(parted, scored):
    cells = scored[1]["table1"]
    ours = cells[cells.model == "sd_vae"]
    theirs = [ours.assign(model=f"{name}_published", value=99.0) for name in ("sd_vae", "medvae")]
    ledger = numbers_ledger(parted, scored[1] | {"table1": pd.concat([*theirs, cells])})
    at = ledger[(ledger.table == "table1") & (ledger.cohort == "NCANDA") & (ledger.modality == "T1w")]
    at = at[at.metric == "psnr"]
    assert at[at.model == "SD-VAE"].group.tolist() == ["trained_here", "authors_weights"]
    assert at[at.model == "SD-VAE"].ours.tolist()[0] < 99 == at[at.model == "SD-VAE"].ours.tolist()[1]
    assert at[at.model == "MedVAE"].group.tolist() == ["authors_weights"]
    assert at[at.model == "VQGAN"].group.tolist() == [""]
    assert set(ledger[ledger.table == "table2"].group) == {"trained_here"}
    assert len(ledger) == 126 + 2 * 8, "SD-VAE's eight numbers on both cohorts twice"


def test_a_statement_without_its_models_or_cohort_says_so(experiment, scored):
    ledger = ledger_of(experiment, scored[2]).set_index("id")
    assert ledger.loc["medvae-t1-psnr"].verdict.startswith("not run")
    assert (ledger.loc[[claim.id for claim in claims() if not claim.measured]].details.str.len() > 0).all()
    elsewhere = tuple(cohort.model_copy(update={"stands_for": ""}) for cohort in experiment.cohorts)
    ledger = ledger_of(experiment.model_copy(update={"cohorts": elsewhere}), scored[2]).set_index("id")
    assert ledger.loc["joint-t1-psnr"].verdict == "not run: no cohort of this experiment stands for NCANDA"


def test_the_page_says_what_a_synthetic_cohort_is_worth_and_the_same_scores_give_the_same_bytes(experiment, scored):
    def ledgers():
        told = numbers_ledger(experiment, scored[1])
        judged = ledger_of(experiment, scored[2], rates={"sd_vae": 65.5, "neuroquant": 0.1})
        return told.to_csv(), judged.to_csv(), as_page(experiment, told, judged)

    *tables, text = ledgers()
    assert [*tables, text] == [*ledgers()]
    assert "can&#x27;t be compared" in text and text.count("<script") == 2 and "28.89" in text, (
        "two scripts: one fits tables, one filters"
    )


def test_every_stated_difference_is_the_one_of_the_papers_tables_or_says_that_it_isnt():
    tables = {
        name: cells_of(name).set_index(["cohort", "model", "modality", "metric"]) for name in ("table1", "table2")
    }
    for claim in claims():
        if claim.published is None:
            continue
        at = [(claim.cohort, name, claim.modalities[0], claim.metrics[0]) for name in (claim.model, claim.over[0])]
        mine, other = (tables[claim.table].loc[place].published for place in at)
        if claim.id != "medvae-t2-ssim":  # says so itself
            assert mine - other == pytest.approx(claim.published, abs=1e-6), claim.id


def test_statements_about_bits_count_them(experiment):
    ledger = ledger_of(experiment, NO_SCORES, rates={"sd_vae": 65.5, "neuroquant": 0.1})
    row = ledger[ledger.id == "compactness"].iloc[0]
    assert row.verdict == "holds against 1 of 1" and row.not_run == "VQGAN; MediTok; MedVAE"
    assert "NeuroQuant 0.1, SD-VAE 65.5" in row.details
    ledger = ledger_of(experiment, NO_SCORES)
    assert ledger[ledger.id == "compactness"].verdict.item().startswith("not run")


@pytest.mark.parametrize("factor", [16, 4])
def test_statements_about_sixteenfold_compression_need_a_model_that_has_it(factor, experiment, scored):
    ledger = ledger_of(experiment, scored[2], factors={"neuroquant": factor}).set_index("id")
    told = ledger.loc[["sota-all", "compactness"]].verdict
    says = "not runnable here: NeuroQuant compresses 4 times in this experiment; the statement is about 16 times"
    assert (told == says).all() if factor == 4 else not told.str.contains("not runnable").any()
    assert not ledger.loc[["sota-rank"]].verdict.str.contains("not runnable").any()


def test_a_gain_that_is_larger_on_one_cohort_holds_only_where_its_test_says_so(experiment, scored):
    at = scored[2].copy()
    more = (at.cohort == "synthetic_b") & (at.model == "neuroquant") & (at.metric == "psnr") & (at.modality == "T1w")
    for change, kind in ((3.0, "holds"), (0.0, "undecided"), (-3.0, "contradicted")):
        changed = at.assign(value=at["value"] + change * more)
        joint = ledger_of(real(experiment), changed).set_index("id").loc["joint-abcd"]
        assert joint.cohort == "synthetic_b - synthetic_a" and joint[kind] >= 1
        if kind != "undecided":
            assert joint[kind] == 1
    one = experiment.table1.model_copy(update={"cohorts": ("synthetic_a",)})
    alone = ledger_of(experiment.model_copy(update={"table1": one}), at).set_index("id").loc["joint-abcd"]
    assert alone.verdict == "not run: no cohort of this experiment stands for ABCD"


def test_regional_volumes_nearer_to_the_originals_count_for_the_full_model(experiment, scored, tmp_path):
    regions = read_tsv(scored[0] / "regions.tsv", ("mm3",))
    away = regions.model.isin(set(regions.model) - {"reference", "neuroquant"})
    regions.loc[away, "mm3"] += 2000 * np.random.default_rng(0).uniform(0.5, 1, away.sum())
    write_tsv(regions, tmp_path / "regions.tsv")
    for name in ("fidelity", "dice", "predictions"):
        (tmp_path / f"{name}.tsv").write_text("")
    scores = scores_of(tmp_path, experiment)
    found = ledger_of(real(experiment), scores).set_index("id").loc["regions"]
    rivals = len(experiment.figure4.models) - 1
    assert found.holds == rivals * 2 * 2 and found.contradicted == 0, found.verdict


def test_where_cohorts_differ_a_sentence_says_so(experiment):
    assert "Synthetic A, Synthetic B" in not_the_papers(experiment) and "can't be compared" in not_the_papers(
        experiment
    )
    assert not_the_papers(real(experiment)) == ""
    own = tuple(cohort.model_copy(update={"stands_for": ""}) for cohort in real(experiment).cohorts)
    assert "Not among the paper's cohorts" in not_the_papers(real(experiment).model_copy(update={"cohorts": own}))


def test_no_scores_at_all_still_give_a_ledger(experiment, scored):
    ledger = ledger_of(experiment, scored[2][:0])
    assert ledger[ledger.id == "joint"].verdict.str.startswith("not run").all()

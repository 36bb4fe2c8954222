"""The whole DAG on a tiny synthetic cohort: it finishes, says what it must, and then rests."""

import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from neuroquant.files import read_tsv
from neuroquant.model_card.write import read_card
from neuroquant.tables import TABLE
from tests.derivatives.validator import errors_of
from tests.workflow.run import TINY, few, finished_jobs, snakemake

pytestmark = pytest.mark.slow

HEADINGS = ("trained here", "without training")


def test_the_tables_are_tidy_and_name_their_stand_ins(finished):
    for name, models in (
        ("table1", {"sd_vae", "neuroquant", "mean", "pca"}),
        ("table2", {"neuroquant_base", "neuroquant"}),
    ):
        table = pd.read_csv(finished / f"results/tiny/tables/{name}.csv")
        assert list(table.columns) == TABLE
        assert models <= set(table.model)
        assert (
            table.value.notna().all() and (table.ci_low <= table.value).all() and (table.value <= table.ci_high).all()
        )
        assert table.stand_in.str.contains("synthetic", case=False).all()
        for kind in ("md", "html", "tex"):
            assert (finished / f"results/tiny/tables/{name}.{kind}").stat().st_size > 200


def test_a_model_without_training_stands_in_a_group_of_its_own_and_is_not_ranked_with_the_others(finished):
    lines = (finished / "results/tiny/tables/table1.md").read_text().splitlines()
    place = {word: next(n for n, line in enumerate(lines) if word in line) for word in HEADINGS}
    (mean,) = [n for n, line in enumerate(lines) if line.startswith("| Mean image")]
    (pca,) = [n for n, line in enumerate(lines) if line.startswith("| PCA")]
    assert place[HEADINGS[0]] < place[HEADINGS[1]] < mean < pca
    trained = lines[place[HEADINGS[0]] : place[HEADINGS[1]]]
    assert any("**" in line for line in trained) and any("**" in lines[n] for n in (mean, pca)), "a best in each group"


def test_a_model_without_latents_has_empty_cells_where_they_would_be_read(finished):
    results = finished / "results/tiny"
    table = pd.read_csv(results / "tables/table1.csv")
    measured = {model: set(part.metric) for model, part in table.groupby("model")}
    assert measured["pca"] - measured["mean"] == {"accuracy"} and {"psnr", "ssim"} <= measured["mean"]
    assert pd.read_csv(results / "numbers/costs.csv").set_index("model").kbit_per_volume["mean"] == 0
    log = (results / "logs/probe/mean-synthetic.log").read_text()
    assert "mean T1w: not probed" in log and "gives no such latents" in log
    assert not list((results / "logs/failures").glob("*"))
    facts = json.loads((results / "models/pca/provenance.json").read_text())
    assert facts["kbit_per_volume"] == 16 * 10 / 1000, "no more than the full model's 160 bits pay for"


def test_what_stands_behind_the_means_is_there(finished):
    numbers = finished / "results/tiny/numbers"
    tables = {name: pd.read_csv(numbers / f"{name}.csv") for name in ("structures", "agreement", "groups", "rate")}
    assert all(len(table) for table in tables.values())
    assert {"ceiling", "neuroquant", "sd_vae"} <= set(tables["structures"].model) & set(tables["agreement"].model)
    assert {"sex", "site"} <= set(tables["groups"].by) and set(tables["rate"].model) >= {"sd_vae", "neuroquant_base"}
    synthesis = pd.read_csv(numbers / "synthesis.csv")
    assert set(synthesis.model) == {"neuroquant"}, "of these models only one tells anatomy from appearance"
    assert set(synthesis.appearance) == {"paired", "typical", "source"}
    assert set(zip(synthesis.source, synthesis.modality, strict=True)) == {("T1w", "T2w"), ("T2w", "T1w")}
    apart = read_tsv(numbers / "disentanglement.tsv", ("value", "families"))
    assert set(apart.model) == {"neuroquant"} and {"z_anat", "z_q", "z_mod"} <= set(apart.of)
    assert "recognises the modality from a latent" in (numbers.parent / "tables/breakdown.html").read_text()
    claims = pd.read_csv(numbers.parent / "tables/claims.csv").set_index("id")
    assert "on z_anat" in claims.loc["invariant"].details
    codebook = pd.read_csv(numbers / "codebook.csv")
    assert set(codebook.model) == {"neuroquant", "neuroquant_base"}
    assert all(table.stand_in.str.contains("synthetic").all() for table in (synthesis, codebook))
    assert ((codebook.perplexity <= codebook.used + 1e-9) & (codebook.used <= codebook["size"])).all()


def test_a_run_says_how_far_each_stage_is_and_ends_with_the_report_and_its_numbers(finished):
    said = (finished / "run.log").read_text()
    lines = re.findall(r"^stage (\w+) +(\d+)/(\d+) jobs, (.+?) \(whole run", said, re.MULTILINE)
    last = {stage: (done, total, pace) for stage, done, total, pace in lines}
    assert {"cohorts", "volumes", "models", "reconstruct", "segment", "latents", "tables", "report"} <= set(last)
    assert all(done == total and pace.startswith("done in") for done, total, pace in last.values()), last
    end = said[said.index("report   results/tiny/report.html") :]
    assert re.search(r"result   NeuroQuant .*test subjects.*\n  PSNR .* dB \[", end) and "\n  Accuracy " in end
    assert "stand-ins: " in end and "say nothing about the paper" in end


def test_only_test_subjects_are_scored(finished):
    results = finished / "results/tiny"
    splits = read_tsv(results / "cohorts/synthetic/splits.tsv").set_index("subject").split
    for numbers in ("fidelity", "dice", "regions", "predictions"):
        assert {splits[subject] for subject in read_tsv(results / f"numbers/{numbers}.tsv").subject} == {"test"}


def test_every_session_is_in_exactly_one_of_the_two_tables(finished):
    cohort = finished / "results/tiny/cohorts/synthetic"
    kept, excluded = (read_tsv(cohort / f"{name}.tsv") for name in ("sessions", "excluded"))
    keys = [tuple(row) for table in (kept, excluded) for row in table[["subject", "session"]].itertuples(index=False)]
    found = {path.relative_to(cohort / "bids").parts[:2] for path in (cohort / "bids").glob("sub-*/ses-*")}
    assert len(keys) == len(set(keys)) == len(found)


def test_the_report_opens_without_network_and_names_no_subject(finished):
    page = (finished / "results/tiny/report.html").read_text()
    assert len(page) < 30_000_000
    assert not re.search(r"""(?:src|href)=["']https?://[^"']+\.(?:js|css|woff2?)["']""", page)
    summary = (finished / "results/tiny/report/summary.html").read_text()
    assert "Stand-in: Synthetic is a synthetic cohort" in summary
    assert not re.search(r"sub-\w+", summary)
    assert str(finished) not in summary


def test_every_job_has_a_log_and_a_benchmark_named_after_its_rule_and_wildcards(finished):
    results = finished / "results/tiny"
    logs, benchmarks = (
        {path.relative_to(results / folder).with_suffix("") for path in (results / folder).glob("*/*.*")}
        for folder in ("logs", "benchmarks")
    )
    assert {Path("reconstruct/sd_vae-synthetic-test-000"), Path("train/neuroquant"), Path("claims/all")} <= logs
    assert logs == benchmarks and len({log.parent for log in logs}) >= 30


def test_a_second_run_does_nothing(finished):
    done = snakemake(finished, "all")
    assert done.returncode == 0 and "Nothing to be done" in done.stdout, done.stdout[-3000:]


def test_touching_one_session_redoes_its_shard_and_what_depends_on_it_and_nothing_else(finished):
    results = finished / "results/tiny"
    manifest = read_tsv(results / "cohorts/synthetic/shards/test-000.tsv")
    scan = results / "cohorts/synthetic/bids" / manifest.T1w.iloc[0]
    others = {
        path: path.stat().st_mtime_ns
        for path in [*results.glob("volumes/*/*.h5"), *results.glob("models/*/*"), *results.glob("segmenter/*")]
        if path.name not in ("test-000.h5", "README.md")  # the cards have the scores
    }
    os.utime(scan)
    done = snakemake(finished, "all")
    assert done.returncode == 0, done.stdout[-3000:]
    jobs = finished_jobs(done.stdout)
    assert jobs["index"] == jobs["assign"] == jobs["preprocess"] == jobs["segment_reference"] == jobs["fidelity"] == 1
    assert jobs["reconstruct"] == jobs["segment"] == 5
    assert not {"make_cohort", "train", "fit_standin", "training_curves", "export_latents"} & set(jobs)
    assert others == {path: path.stat().st_mtime_ns for path in others}
    assert "Nothing to be done" in snakemake(finished, "all").stdout


def test_every_model_folder_has_a_card_with_the_scores_of_the_tables(finished):
    results = finished / "results/tiny"
    cells = pd.read_csv(results / "numbers/cells.csv")
    subjects = set(read_tsv(results / "cohorts/synthetic/splits.tsv")["subject"])
    for model in ("sd_vae", "mean", "pca", "neuroquant", "neuroquant_base"):
        card = read_card(results / f"models/{model}/README.md")
        measured = {(each.dataset_config, each.metric_type): each.metric_value for each in card.data.eval_results}
        own = cells[(cells.model == model) & (cells.metric == "psnr")]
        assert len(own) == 2 and all(
            measured[cell.modality, "psnr"] == round(cell.value, 4) for cell in own.itertuples()
        ), model
        assert "only seen synthetic brains" in card.text
        assert not [name for name in (*subjects, str(finished)) if name in str(card)]


def test_two_runs_from_scratch_give_the_same_bytes_of_every_table_with_many_jobs_or_few(finished, tmp_path):
    done = snakemake(tmp_path, "table1", "table2", config=few(TINY))
    assert done.returncode == 0, done.stdout[-3000:]
    first, second = finished / "results/tiny", tmp_path / "results/tiny"
    kinds = ("tables/*", "numbers/*.tsv", "numbers/synthesis/*/*/*.tsv", "numbers/codes/*/*/*.tsv")
    names = sorted(path.relative_to(second) for kind in kinds for path in second.glob(kind))
    assert len(names) >= 8
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    assert finished_jobs(done.stdout)["apply_model"] == 5


def test_the_test_sessions_are_written_as_bids_where_that_is_asked_for(finished):
    out = Path("results/tiny/derivatives/neuroquant/synthetic")
    done = snakemake(finished, str(out))
    assert done.returncode == 0, done.stdout[-3000:]
    splits = read_tsv(finished / "results/tiny/cohorts/synthetic/splits.tsv")
    tested = set(splits[splits["split"] == "test"].subject)
    assert {path.name for path in (finished / out).glob("sub-*")} == tested
    (scan, *_) = sorted((finished / out).glob("sub-*/ses-*/anat/*_desc-recon_T1w.nii.gz"))
    for name in ("desc-brain_mask.nii.gz", "desc-standin_dseg.nii.gz", "desc-synth_T2w.nii.gz", "desc-tokens_T1w.h5"):
        assert scan.with_name(scan.name.replace("desc-recon_T1w.nii.gz", name)).exists(), name
    assert errors_of(finished / out) == []

"""The pages around the tables: who was in, what made the results, what CLAIM asks, and the hash of every cell."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from neuroquant.config.cohort import Cohort
from neuroquant.config.load import resolve_experiment
from neuroquant.config.model import ModelFolder
from neuroquant.files import write_json, write_text, write_tsv
from neuroquant.report.figures.images import Images
from neuroquant.report.html import small_table
from neuroquant.report.package.checklist import OPEN, items, write_checklist
from neuroquant.report.package.provenance import to_share
from neuroquant.report.pages.front_page import Sources, write
from neuroquant.report.pages.front_words import lead_table
from neuroquant.report.pages.origins import runtime, write_origins
from neuroquant.report.pages.people import write_people
from neuroquant.report.tables.model_facts import brief, read_costs
from neuroquant.report.tables.notes import trained_elsewhere
from neuroquant.statistics.budgets import budgets
from neuroquant.statistics.cells import cells as cells_of
from neuroquant.statistics.cells import write_csv
from neuroquant.statistics.fingerprints import ledger
from neuroquant.statistics.gather import gather
from neuroquant.statistics.people import CohortTables, exclusions, not_looked_at
from neuroquant.tables import AGAINST_FULL, CLAIMS
from tests.made_up import scores_of, write_table

CONFIG = Path(__file__).parents[3] / "config"

FACTS = {
    "neuroquant": "0.1.0", "commit": "abc", "commit_date": "2026-11-28", "written_on": "2026-11-29",
    "python": "3.11", "packages": {"snakemake": "9.27"},
    "inputs_sha256": {"t": "1"},
}  # fmt: skip
MODEL = {"parameters": 10, "factor": 8, "kbit_per_volume": 1.5, "device": "NVIDIA H100", "steps": 5, "processes": 2}
UNSEEN = (
    ("sub-x9/func/sub-x9_bold.nii.gz", 1, "of another kind (bold): nothing to do"),
    ("sub-x8/func/sub-x8_bold.nii.gz", 1, "of another kind (bold): nothing to do"),
    ("sub-x7", 0, "a row of participants.tsv without a folder: supply the scans, or leave the row"),
)
LOST = (("x1", "1", "no T2w (a.nii)"), ("x1", "2", "no T2w (b.nii)"), ("x2", "1", "broken; c"))
MODEL |= {"seconds": 60, "sessions": 3}
BEATEN = [["synthetic_a", "T1w", "pca", "neuroquant", 2.5, 2.0, 3.0, 12]]


@pytest.fixture
def cohorts(tmp_path, experiment):
    """Two cohorts; the first lost three sessions for two reasons, and the second is of one sex."""
    paths = {"sessions": [], "excluded": [], "proofs": [], "unseen": []}
    for number, cohort in enumerate(experiment.cohorts):
        folder = tmp_path / cohort.name
        people = [{"subject": f"sub-{n}", "session": "1", "sex": "F" if number else "FM"[n % 2]} for n in range(6)]
        lost = [] if number else [
            {"cohort": cohort.name, "subject": who, "session": visit, "reason": reason, "file": "/data/x.nii"}
            for who, visit, reason in LOST
        ]  # fmt: skip
        proof = {name: ["0"] for name in ("subjects_shared", "families_shared", "images_shared", "sessions")}
        proof |= {"split": ["test"], "female_share": ["0.5"], "mean_age": [""], "sex_effect": ["0"], "age_effect": [""]}
        columns = ["cohort", "subject", "session", "reason", "file"]
        tables = {"sessions": pd.DataFrame(people), "excluded": pd.DataFrame(lost, columns=columns)}
        tables["proofs"] = pd.DataFrame(
            proof | {"splits_sha256": ["f00"], "published_female_share": [""], "published_sex_effect": [""]}
        )
        tables["unseen"] = pd.DataFrame([] if number else UNSEEN, columns=["path", "files", "reason"])
        for name, table in tables.items():
            write_tsv(table, folder / f"{name}.tsv")
            paths[name].append(folder / f"{name}.tsv")
    write_tsv(pd.DataFrame({"images_shared": ["0"], "splits_crossed": ["0"]}), tmp_path / "apart.tsv")
    return CohortTables(**paths, apart=tmp_path / "apart.tsv")


def test_exclusions_are_counted_by_reason_and_name_nobody(tmp_path, experiment, cohorts):
    table = exclusions(experiment, cohorts)
    assert table.values.tolist() == [["synthetic_a", "no T2w", 2, 1], ["synthetic_a", "broken", 1, 1]]
    write_people(experiment, cohorts, tmp_path / "e.csv", tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text()
    assert "no T2w" in page and "x1" not in page and "/data" not in page and "Sessions excluded: 3" in page
    assert "6 female, 0 male" in page and "No subject, family or image" in page
    told = experiment.report.model_copy(update={"identifiable": True})
    write_people(experiment.model_copy(update={"report": told}), cohorts, tmp_path / "e.csv", tmp_path / "p.html")
    assert "x1" in (tmp_path / "p.html").read_text()


def test_what_was_not_looked_at_is_counted_by_reason_and_named_only_where_that_is_asked_for(
    tmp_path, experiment, cohorts
):
    assert not_looked_at(cohorts.unseen[0]).values.tolist() == [
        ["of another kind", 2, 2],
        ["a row of participants.tsv without a folder", 1, 0],
    ]
    for identifiable in (False, True):
        report = experiment.report.model_copy(update={"identifiable": identifiable})
        write_people(experiment.model_copy(update={"report": report}), cohorts, tmp_path / "e.csv", tmp_path / "p.html")
        page = (tmp_path / "p.html").read_text()
        assert page.count("<h3>Not looked at</h3>") == 1, "the second cohort has nothing of the kind"
        assert "a row of participants.tsv without a folder" in page and ("sub-x9" in page) == identifiable


def test_what_stands_in_a_cell_of_the_table_of_people_stays_out_of_the_report(tmp_path, experiment, cohorts):
    lost = pd.read_csv(cohorts.excluded[0], sep="\t", dtype=str, keep_default_na=False)
    lost["reason"] = [f"sex is {cell!r} in participants.tsv: F or M" for cell in ("Anna Lind", "O'Neil", "see (x): y")]
    write_tsv(lost, cohorts.excluded[0])
    write_people(experiment, cohorts, tmp_path / "e.csv", tmp_path / "p.html")
    for text in ((tmp_path / name).read_text() for name in ("e.csv", "p.html")):
        assert "sex is something else in participants.tsv" in text
        assert not any(name in text for name in ("Anna", "Neil", "see ("))


def test_the_page_names_commit_date_and_a_configuration_that_runs_elsewhere(tmp_path, experiment):
    write_origins(experiment, tmp_path / "none", {}, FACTS, tmp_path / "r.csv", tmp_path / "o.html")
    page = (tmp_path / "o.html").read_text()
    assert "commit abc (2026-11-28)" in page and "written on 2026-11-29" in page and "git checkout abc\n" in page
    config = html.unescape(re.search(r"again.yaml</summary><pre[^>]*>(.*?)</pre>", page, re.DOTALL)[1])
    assert resolve_experiment(yaml.safe_load(config), CONFIG, "again.yaml") == experiment
    write_origins(
        experiment, tmp_path / "none", {}, FACTS | {"commit": "abc-dirty"}, tmp_path / "r.csv", tmp_path / "o.html"
    )
    page = (tmp_path / "o.html").read_text()
    assert "git checkout abc\n" in page and "changes that are not in that commit" in page
    write_origins(experiment, tmp_path / "none", {}, FACTS | {"commit": ""}, tmp_path / "r.csv", tmp_path / "o.html")
    assert "no git checkout" in (tmp_path / "o.html").read_text()


def test_the_shared_configuration_names_no_folder_of_this_machine(experiment):
    cohort = Cohort(name="own", root="/data/secret/own", participants=["/data/secret/a.csv", "/data/secret/b.csv"])
    plain = to_share(experiment.model_copy(update={"cohorts": (cohort,)}))
    assert "secret" not in yaml.safe_dump(plain)
    assert plain["cohorts"][0]["root"] == "/path/to/own"
    assert plain["cohorts"][0]["participants"] == ["/path/to/a.csv", "/path/to/b.csv"]


def test_nan_is_never_printed():
    table = pd.DataFrame({"a": [np.nan, 1.5], "b": ["nan (nan to nan)", "1.0 (nan to 2.0)"], "c": ["Nan", "banana"]})
    shown = re.sub(r"<[^>]+>", "|", small_table(table))
    assert "nan" not in shown.replace("banana", "") and "Nan" in shown and "1.0 (– to 2.0)" in shown
    assert brief(float("nan")) == "–"


def test_a_lead_that_could_not_be_tested_is_shown_without_numbers_that_are_not_there(experiment):
    test = {"cohort": "synthetic_a", "modality": "T1w", "metric": "psnr", "model": "sd_vae", "against": "vqgan"}
    test |= {"rank": 1, "difference": 1.0, "ci_low": np.nan, "ci_high": np.nan, "p_holm": np.nan}
    cell = {"cohort": "synthetic_a", "modality": "T1w", "metric": "psnr", "model": "sd_vae", "value": 20.0}
    cells = pd.DataFrame([cell | {"ci_low": 19.0, "ci_high": 21.0, "n_subjects": 2}])
    (line,) = lead_table(experiment, cells, pd.DataFrame([test])).to_dict("records")
    assert (
        line["highest PSNR"] == "SD-VAE" and line["runner-up"] == "VQGAN" and line["lead, dB (95% interval)"] == "1.00"
    )
    assert line["PSNR, dB (95% interval)"] == "20.00 (19.00 to 21.00)"
    assert (line["p"], line["significant"]) == ("not tested", "no")


def test_a_shared_subject_is_shown_as_a_fault(tmp_path, experiment, cohorts):
    table = pd.read_csv(cohorts.proofs[0], sep="\t", dtype=str, keep_default_na=False).assign(subjects_shared="2")
    write_tsv(table, cohorts.proofs[0])
    write_people(experiment, cohorts, tmp_path / "e.csv", tmp_path / "p.html")
    assert 'class="bad">In more than one split: 2 subjects, families or images' in (tmp_path / "p.html").read_text()


def test_gpu_hours_are_those_of_jobs_that_run_networks_times_their_processes(tmp_path):
    for rule, job in (("train", "m"), ("train", "cpu"), ("fidelity", "m-c-test-000"), ("reconstruct", "m-c-test-000")):
        write_text(tmp_path / f"{rule}/{job}.tsv", "s\tmax_rss\n3600\t100\n")
    found = runtime(tmp_path, {"m": MODEL, "cpu": MODEL | {"device": "x86_64"}}).set_index("rule")
    assert found.gpu_hours.to_dict() == {"train": 2.0, "reconstruct": 1.0, "fidelity": 0.0}
    assert found.hours.to_dict() == {"train": 2.0, "reconstruct": 1.0, "fidelity": 1.0} and found.jobs["train"] == 2
    assert runtime(tmp_path / "nowhere", {}).empty


def test_the_checklist_has_44_items_and_each_is_answered_or_left_to_the_authors(tmp_path, experiment, cohorts):
    assert [item.number for item in items()] == list(range(1, 45))
    write_checklist(experiment, cohorts, FACTS, tmp_path / "c.html")
    page = (tmp_path / "c.html").read_text()
    count = int(page.split(" of 44 are answered")[0].rsplit(" ", 1)[1])
    assert page.count(OPEN) == 44 - count and count >= 30
    assert "{" not in page.split("</style>")[-1].split("<script>")[0], "every fact was filled in"
    own = tuple(cohort.model_copy(update={"stand_in": False}) for cohort in experiment.cohorts)
    write_checklist(experiment.model_copy(update={"cohorts": own}), cohorts, FACTS, tmp_path / "real.html")
    real = (tmp_path / "real.html").read_text()
    assert real.count(OPEN) > page.count(OPEN), "of real data the run knows less: acquisition, ethics, availability"


def external(experiment):
    """The experiment with its second cohort external, and a model that exists already among its models."""
    cohorts = (experiment.cohorts[0], experiment.cohorts[1].model_copy(update={"role": "external"}))
    weights = ModelFolder(model_folder="theirs", voxel_mm=1.0)
    theirs = experiment.models[0].model_copy(update={"weights": weights})
    return experiment.model_copy(update={"cohorts": cohorts, "models": (theirs, *experiment.models[1:])})


def test_external_testing_is_in_the_checklist_with_its_numbers(tmp_path, experiment, cohorts):
    def answers(experiment):
        write_checklist(experiment, cohorts, FACTS, tmp_path / "c.html")
        rows = re.findall("<tr><td>(\\d+)</td>(.*?)</tr>", (tmp_path / "c.html").read_text())
        return {int(number): html.unescape(re.sub("<[^>]+>", " ", rest)) for number, rest in rows}

    assert "None: every cohort that is tested is also trained on." in answers(experiment)[33]
    said = answers(external(experiment))
    assert "Synthetic B (external): 6 sessions of 6 subjects." in said[33]
    assert "No image of theirs" in said[33] and "What VQGAN had been trained on before isn't known" in said[33]
    assert "Test subjects of Synthetic A, who" in said[32], "internal data alone"
    assert "Synthetic B (external): all subjects are for testing." in said[19]
    assert "VQGAN: with weights trained elsewhere before." in said[24]


def test_the_page_of_cohorts_says_which_is_external(tmp_path, experiment, cohorts):
    write_people(external(experiment), cohorts, tmp_path / "e.csv", tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text()
    assert page.count("An external cohort: all subjects are test subjects") == 1
    assert page.index("<h2>Synthetic B (external)</h2>") < page.index("An external cohort")


def test_models_trained_elsewhere_have_a_part_and_a_note_of_their_own(experiment):
    notes = trained_elsewhere(external(experiment), {"vqgan", "sd_vae"})
    assert notes[0].startswith("Trained elsewhere: VQGAN. ") and "isn't known" in notes[0]
    assert notes[1].startswith("VQGAN was trained on voxels of 1 mm: volumes were resampled")
    assert trained_elsewhere(external(experiment), {"sd_vae"}) == trained_elsewhere(experiment, {"vqgan"}) == []


def test_every_cell_has_the_hash_of_its_scores_and_only_its_own_changes_it(tmp_path, experiment, numbers):
    numbers(tmp_path, experiment)
    (table, _), scores = write_table(tmp_path, experiment), scores_of(tmp_path, experiment)
    first = ledger({"table1": table}, cells_of(experiment, scores))
    assert len(first) == len(table) and (first.scores == 12).all() and first.sha256.str.len().eq(64).all()
    again = ledger({"table1": table}, cells_of(experiment, scores.sample(frac=1, random_state=0)))
    assert first.equals(again), "the order of scores doesn't matter"
    scores = scores.reset_index(drop=True)
    at = scores.index[(scores.model == "sd_vae") & (scores.metric == "psnr")][0]
    scores.loc[at, "value"] += 1e-9
    assert (ledger({"table1": table}, cells_of(experiment, scores)).sha256 != first.sha256).sum() == 1


def test_the_front_page_builds_with_next_to_nothing_and_says_what_is_missing(tmp_path, experiment, numbers, cohorts):
    numbers(tmp_path, experiment)
    one = experiment.table1.model_copy(update={"cohorts": ("synthetic_a",)})
    experiment = experiment.model_copy(update={"table1": one})
    for name in ("fidelity", "dice", "predictions"):
        table = pd.read_csv(tmp_path / f"{name}.tsv", sep="\t", dtype=str, keep_default_na=False)
        keep = (table.model != "vqgan") & (table.modality == "T1w")
        write_tsv(table[keep if name != "predictions" else table.index < 0], tmp_path / f"{name}.tsv")
    write_table(tmp_path, experiment)
    numbers_of_table1 = tmp_path / "table1.csv", tmp_path / "table1_tests.csv", tmp_path / "against_full.csv"
    write_csv(pd.DataFrame(BEATEN, columns=AGAINST_FULL), numbers_of_table1[2])
    gather("dice_truth", [], tmp_path / "truth.tsv")
    models = {}
    for entry in experiment.models:
        models[entry.name] = tmp_path / f"{entry.name}.json"
        write_json(models[entry.name], MODEL)
    hours = write_origins(experiment, tmp_path / "none", models, FACTS, tmp_path / "r.csv", tmp_path / "o.html")
    spent = {
        "model": ["sd_vae", "pca", "neuroquant"],
        "cohort": "synthetic_a",
        "kbit_coded": np.nan,
        "bits_per_number": 4,
    }
    spent |= {"kbit_per_volume": [48.0, 1.0, 40.8], "encode_s": [1.25, 0.5, 2.0], "gpu_hours": np.nan}
    spent |= {"decode_s": [31.415, 0.5, 2.0], "processor_hours": [0.25, np.nan, np.nan]}
    spent |= {"spread_T1w": [0.03, np.nan, np.nan], "spread_T2w": np.nan}
    write_csv(pd.DataFrame(spent), tmp_path / "costs.csv")
    write_csv(budgets(experiment, "table1", models), tmp_path / "budgets.csv")
    write_csv(pd.DataFrame(columns=CLAIMS), tmp_path / "claims.csv")
    files = [tmp_path / name for name in ("costs.csv", "budgets.csv", "truth.tsv", "claims.csv", "none.tsv")]
    files += [Images([], {}), {}]
    write(experiment, Sources(*numbers_of_table1, read_costs(models), *files), cohorts, hours, tmp_path / "s.html")
    page = (tmp_path / "s.html").read_text()
    assert (
        "nothing was measured of VQGAN" in page and "has only T1w images" in page and "Sex could not be probed" in page
    )
    head = re.search("<tr><th>Model</th>.*?</tr>", page).group(0)
    names = ("f", "kbit", "M", "enc., s", "dec., s")
    assert head.startswith("<tr><th>Model</th>" + "".join(f'<th class="more">{name}</th>' for name in names))
    for model, seconds in (("SD-VAE", ("1.25", "31.4")), ("MedVAE", ("", ""))):  # what wasn't timed has none
        shown = zip(names, ("8x", "1.5", "1e-05", *seconds), strict=True)
        costs = "".join(f'<td class="more" data-label="{name}">{value}</td>' for name, value in shown)
        assert f"<td>{model}</td>{costs}" in page
    phases = ", ".join(phase.mode for phase in experiment.model("sd_vae").training.phases)
    steps = sum(phase.steps for phase in experiment.model("sd_vae").training.phases)
    line = f"<td>SD-VAE</td><td>{phases}</td><td>{steps:,}</td><td></td><td></td><td>0.25</td><td></td>"
    assert "<h2>Training budgets</h2>" in page and line in page, "what a model folder doesn't say is left empty"
    assert "PCA (T1w +2.50 dB, 2.00 to 3.00, at 1 kbit)" in page and "at no more bits than its 40.8 kbit" in page
    assert "Synthetic A: reconstructions hardly depend on the subject" in page and "SD-VAE (T1w 0.03)" in page
    assert "Stand-in: Synthetic A and Synthetic B are synthetic cohorts" in page
    assert json.loads(models["sd_vae"].read_text()) == MODEL and "NVIDIA H100" in (tmp_path / "o.html").read_text()

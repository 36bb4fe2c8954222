"""A cohort that no model trains on and models that exist already, from scans to the report."""

import copy
import json
import re
import shutil

import pandas as pd
import pytest
import yaml

from neuroquant import models
from neuroquant.cli import main
from neuroquant.config.cohort import Cohort
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.files import read_tsv
from neuroquant.model_folder import save_model
from neuroquant.synthetic.bids import write_cohort
from neuroquant.tables import PREDICTIONS
from tests.training.helpers import PARAMETERS
from tests.workflow.run import ROOT, TINY, few, job_counts, snakemake

MORE = {"phases": [{"mode": "3d", "steps": 3, "batch": 1, "lr": 1.0e-4, "lr_end": 1.0e-4}], "log_every": 1}
SMALL = {"subjects": 10, "visits_max": 1, "voxel_mm": 7.0}
MODELS = {"neuroquant", "mean", "theirs", "tuned", "jpeg2000", "dct"}
"""Those of the whole run."""
EXAMPLE = ROOT / "config/examples/external.yaml"


def experiment(folder) -> dict:
    """The tiny experiment with synthetic_b as external cohort and a model of another run, as it is and trained on."""
    config = copy.deepcopy(TINY)
    entry = {"weights": {"model_folder": str(folder)}}
    tuned = {"weights": entry["weights"] | {"codebook": "keep"}, "training": MORE}
    own = {"name": "theirs", "label": "Theirs"}, {"name": "tuned", "label": "Theirs, tuned"}
    config["overrides"].pop("baselines.sd_vae")
    config["overrides"] |= {
        "synthetic_a": {"synthetic": SMALL},
        "synthetic_b": {"synthetic": SMALL, "role": "external"},
    }
    return config | {
        "experiment": "elsewhere",
        "cohorts": ["synthetic_a", "synthetic_b"],
        "models": ["neuroquant", "mean", own[0] | entry, own[1] | tuned],
        "split": {"train": 0.5, "val": 0.2, "test": 0.3, "method": "exact"},
        "shards": {"train": 1, "val": 1, "test": 1},
    }


@pytest.fixture
def theirs(tmp_path):
    """The folder of a model that nobody has trained, which is enough to plan with."""
    entry = ModelEntry(name="theirs", architecture="neuroquant", parameters=PARAMETERS)
    save_model(tmp_path / "theirs", models.build("neuroquant", PARAMETERS), entry, Volume(shape=(32, 32, 32)), {})
    return tmp_path / "theirs"


def test_no_shard_of_an_external_cohort_is_made_for_training(tmp_path, theirs):
    config = experiment(theirs)
    done = snakemake(tmp_path, "--dry-run", "all", config=config)
    assert done.returncode == 0, done.stdout
    jobs = job_counts(done.stdout)
    assert jobs["preprocess"] == 3 + 1 and jobs["montage"] == jobs["montage_external"] == 1
    assert jobs["train"] == 2 and jobs["save_untrained"] == 2
    assert jobs["export_latents"] == 4 and jobs["reconstruct"] == 4 * 2
    assert not re.search(r"(volumes|latents/\w+)/synthetic_b/(train|val)-", done.stdout)


@pytest.mark.slow
def test_models_of_another_run_are_scored_on_people_whom_no_model_has_seen(tmp_path, finished):
    folder = finished / "results/tiny/models/neuroquant"
    config = few(experiment(folder))
    config["models"][3] |= {"training": MORE | {"seeds": [0, 1]}}
    config["models"] += ["jpeg2000", "dct"]
    config["probe"] |= {"targets": ["age"], "inputs": ["modality_code"]}
    config["robustness"] = {"faults": ["noise", "missing_slices"], "severities": 1, "sessions": 1}
    done = snakemake(tmp_path, "all", config=config)
    assert done.returncode == 0, done.stdout[-6000:]
    results = tmp_path / "results/elsewhere"
    assert set(read_tsv(results / "cohorts/synthetic_b/splits.tsv").split) == {"test"}
    apart = read_tsv(results / "numbers/cohorts_apart.tsv")
    assert apart[["images_shared", "splits_crossed"]].values.tolist() == [["0", "0"]]
    table = pd.read_csv(results / "tables/table1.csv")
    psnr = table[(table.metric == "psnr") & (table.modality == "T1w")].set_index(["cohort", "model"])
    assert len(psnr) == 2 * 6
    assert psnr.loc["synthetic_a", "neuroquant"].published > 0 and psnr.loc["synthetic_b"].published.isna().all()
    assert psnr.loc[("synthetic_b", "theirs"), "n_subjects"] == SMALL["subjects"]
    ranked = psnr["rank"].dropna().reset_index()
    assert {"theirs", "tuned", "jpeg2000", "dct"} <= set(ranked.model) and "neuroquant" not in set(ranked.model), (
        "each within its group, and the one trained here is alone in its own"
    )
    text = (results / "tables/table1.md").read_text()
    assert "## Synthetic B (external), trained elsewhere (10 test subjects)" in text
    assert "Trained elsewhere: Theirs and Theirs, tuned" in text and "External: all subjects" in text
    guesses = read_tsv(results / "numbers/predictions.tsv")
    assert set(guesses[guesses.model == "theirs"].cohort) == {"synthetic_a", "synthetic_b"}
    check_words(results, folder)
    check_seeds(results)
    check_targets(results)
    costs = pd.read_csv(results / "numbers/costs.csv").set_index("model").kbit_coded
    assert (costs[["jpeg2000", "dct"]] <= costs_of_full(results)).all() and costs["jpeg2000"].min() > 0
    spoiled = pd.read_csv(results / "numbers/robustness.csv")
    assert set(spoiled.model) == MODELS and set(spoiled.cohort) == set(psnr.reset_index().cohort)
    assert (
        "missing slices costs" in (results / "report/robustness.html").read_text()
        or "noise costs" in (results / "report/robustness.html").read_text()
    )


def costs_of_full(results) -> float:
    """Bits of the full model's latents, which no codec may exceed."""
    costs = pd.read_csv(results / "numbers/costs.csv")
    return costs[costs.model == "neuroquant"].kbit_per_volume.max()


def check_seeds(results):
    """Both trainings of the tuned model are scored, and one line of each table holds the two."""
    each = pd.read_csv(results / "numbers/trainings.csv")
    assert set(each.model) >= MODELS
    psnr = each[(each.metric == "psnr") & (each.modality == "T1w") & (each.cohort == "synthetic_a")]
    psnr = psnr.set_index("training")["value"]
    assert set(psnr.index) == MODELS | {"tuned_seed1"}
    assert psnr["tuned"] != psnr["tuned_seed1"]
    cells = pd.read_csv(results / "numbers/cells.csv")
    assert "tuned_seed1" not in set(cells.model)
    mine = (cells.metric == "psnr") & (cells.modality == "T1w") & (cells.model == "tuned")
    (cell,) = cells[mine & (cells.cohort == "synthetic_a")]["value"]
    assert cell == pytest.approx(psnr[["tuned", "tuned_seed1"]].mean())
    table = (results / "tables/table1.md").read_text()
    assert "Trained with several seeds: Theirs, tuned (2)." in table and "tuned_seed1" not in table


def check_targets(results):
    """Age is predicted by models that have the code, and in the external cohort by probes of the other one."""
    table = pd.read_csv(results / "numbers/probe_targets.csv", keep_default_na=False)
    probed = set(zip(table.cohort, table.model, table.target, table.part, strict=True))
    for cohort in ("synthetic_a", "synthetic_b"):
        assert (cohort, "theirs", "age", "modality_code") in probed and (cohort, "volumes", "age", "") in probed
        assert (cohort, "control: training mean", "age", "") in probed
    assert not any(model == "mean" for _, model, _, _ in probed), "a mean image has no latents"
    external = table[table.cohort == "synthetic_b"]
    assert set(external.subjects) == {SMALL["subjects"]} and (external.mae != "").all() and (external.auroc == "").all()
    code = table[(table.part == "modality_code") & (table.model == "theirs")]
    assert set(code.array) == {"z_mod 4x1x1x1, means over all positions"}
    page = (results / "tables/probes.html").read_text()
    assert "Other targets" in page and "Synthetic B (external): age, all test subjects" in page
    predictions = read_tsv(results / "numbers/predictions.tsv")
    assert list(predictions.columns) == PREDICTIONS, "Table 2 stays the paper's"


def check_words(results, folder):
    """What pages and cards say of the external cohort and of the models trained elsewhere."""
    people = (results / "report/people.html").read_text()
    assert "An external cohort: all subjects are test subjects" in people
    checklist = (results / "report/checklist.html").read_text()
    assert "Synthetic B (external): 10 sessions of 10 subjects" in checklist
    assert "What Theirs and Theirs, tuned had been trained on before" in checklist
    origins = (results / "report/origins.html").read_text()
    began = json.loads((folder / "config.json").read_text())["weights_sha256"]
    assert began[:16] in origins and "codebook: keep" in origins and str(folder) not in origins
    card = (results / "models/theirs/README.md").read_text()
    assert "trained elsewhere before" in card and began[:16] in card and "| cohorts |" not in card
    tuned = (results / "models/tuned/README.md").read_text()
    assert "Then it was trained on:" in tuned and "| cohorts | 1 |" in tuned
    own = (results / "models/neuroquant/README.md").read_text()
    assert "| cohorts | 1 |" in own and "| subjects | 5 |" in own, "the external cohort is no training data"


@pytest.mark.slow
def test_a_trained_model_is_scored_where_nothing_can_be_trained(tmp_path, finished):
    """Every cohort is external: no training subjects, no atlas, no probe, and a report."""
    config = experiment(finished / "results/tiny/models/neuroquant")
    config["cohorts"], config["overrides"] = ["synthetic_b"], {"synthetic_b": config["overrides"]["synthetic_b"]}
    config |= {"models": ["lowpass", config["models"][2]], "segmentation": {"engine": "none"}}
    done = snakemake(tmp_path, "all", config=config)
    assert done.returncode == 0, done.stdout[-6000:]
    results = tmp_path / "results/elsewhere"
    table = pd.read_csv(results / "tables/table1.csv")
    assert set(table[table.metric == "psnr"].model) == {"lowpass", "theirs"} and "accuracy" not in set(table.metric)
    assert "not predicted: nobody trains here" in (results / "tables/table1.md").read_text()
    assert "Sex could not be probed: all cohorts are external" in (results / "report/summary.html").read_text()


@pytest.mark.slow
def test_a_subject_of_the_training_cohort_in_the_external_one_stops_the_run(tmp_path):
    """Under another name, and before anything is trained."""
    for name, seed in (("own", 1), ("elsewhere", 2)):
        write_cohort(Cohort(name=name, synthetic=SMALL | {"seed": seed}), tmp_path / name)
    names = {name: sorted(path.name for path in (tmp_path / name).glob("sub-*")) for name in ("own", "elsewhere")}
    mine, theirs = names["own"][0], names["elsewhere"][0]
    for path in (tmp_path / "elsewhere").rglob(f"{theirs}_*.nii.gz"):  # scans and label map
        own = path.relative_to(tmp_path / "elsewhere").as_posix().replace(theirs, mine)
        shutil.copy(tmp_path / "own" / own, path)
    config = copy.deepcopy(TINY) | {"shards": {"train": 1, "val": 1, "test": 1}, "models": ["neuroquant", "mean"]}
    config["overrides"].pop("baselines.sd_vae")
    config["split"] = {"train": 0.5, "val": 0.2, "test": 0.3, "method": "exact"}
    config["cohorts"] = [{"name": name, "root": str(tmp_path / name)} for name in names]
    config["cohorts"][1]["role"] = "external"
    done = snakemake(tmp_path / "run", "train_all", config=config)
    assert done.returncode != 0 and "cohort elsewhere: role: external" in done.stdout, done.stdout[-3000:]
    assert f"elsewhere {theirs}" in done.stdout and f"own {mine}" in done.stdout
    assert not list((tmp_path / "run/results/tiny/models").rglob("*.safetensors"))


def test_a_model_of_this_very_experiment_is_refused(tmp_path, theirs):
    own = tmp_path / "results/elsewhere/models/neuroquant"
    shutil.copytree(theirs, own)
    done = snakemake(tmp_path, "--dry-run", "all", config=experiment(own))
    assert done.returncode != 0 and "which this experiment itself writes" in done.stdout


@pytest.mark.slow
def test_the_example_can_be_validated_and_dry_run(tmp_path, theirs, monkeypatch, capsys):
    for variable, seed in (("BIDS_ROOT", 3), ("EXTERNAL_ROOT", 4)):
        write_cohort(Cohort(name="x", synthetic=SMALL | {"seed": seed, "subjects": 24}), tmp_path / variable)
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setenv("MODEL_FOLDER", str(theirs))
    assert main(["validate", str(EXAMPLE)]) == 0
    assert "0 train, 0 val, 24 test" in capsys.readouterr().out
    done = snakemake(tmp_path / "run", "--dry-run", "all", config=yaml.safe_load(EXAMPLE.read_text()))
    assert done.returncode == 0, done.stdout
    jobs = job_counts(done.stdout)
    assert jobs["train"] == 1 and jobs["save_untrained"] == 3 and jobs["preprocess"] == 4

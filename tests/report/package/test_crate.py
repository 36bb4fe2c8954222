"""The crate is what the profiles ask for, names every file with its true hash, and names nobody."""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from neuroquant.config.model import ModelEntry, Training
from neuroquant.files import write_text, write_tsv
from neuroquant.report.package.crate import METADATA, WORKFLOW, write_crate
from tests.report.package.ro_terms import CONTEXTS

ROOT = Path(__file__).parents[3]
FACTS = {"neuroquant": "0.1.0", "commit": "abc", "packages": {"snakemake": "9.27", "torch": "2.10"}, "python": "3.11"}
BENCHMARK = "s\th:m:s\tmax_rss\n12.5\t0:00:12\t100\n"


@pytest.fixture(scope="module")
def results(tmp_path_factory, experiment):
    """A small folder of results, described."""
    folder = tmp_path_factory.mktemp("results")
    for name in ("report.html", "config.yaml", "tables/table1.csv", "numbers/dice.tsv"):
        write_text(folder / name, name)
    for model in ("neuroquant", "identity"):
        write_text(folder / f"models/{model}/model.safetensors", model)
    for rule, jobs in (("train", 3), ("save_untrained", 1), ("index", 2), ("table", 1)):
        for number in range(jobs):
            write_text(folder / f"benchmarks/{rule}/{number}.tsv", BENCHMARK)
    people = [{"cohort": "c", "subject": f"sub-{n:04d}", "t1w_hash": f"h{n}", "t2w_hash": ""} for n in range(5)]
    for table in ("sessions", "qc"):
        write_tsv(pd.DataFrame(people), folder / f"cohorts/synthetic_a/{table}.tsv")
    (folder / "workflow").mkdir()
    shutil.copy(ROOT / "Snakefile", folder / WORKFLOW)
    identity = ModelEntry(name="identity", architecture="baselines.lowpass", training=Training(phases=()))
    write_crate(experiment.model_copy(update={"models": (*experiment.models, identity)}), folder, FACTS)
    return folder


@pytest.fixture(scope="module")
def entities(results):
    return {one["@id"]: one for one in json.loads((results / METADATA).read_text())["@graph"]}


def references(value):
    """All @id that a value points to."""
    if isinstance(value, dict):
        yield from [value["@id"]] if set(value) == {"@id"} else references(list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_entity_has_an_id_of_its_own_and_every_reference_leads_to_one(results, entities):
    graph = json.loads((results / METADATA).read_text())["@graph"]
    assert len(graph) == len(entities) and all("@type" in one for one in graph)
    outside = ("https://w3id.org/ro/crate/1.1", "https://snakemake.github.io")
    for one in graph:
        for target in references([value for key, value in one.items() if not key.startswith("@")]):
            assert target in entities or target in outside, (one["@id"], target)


def test_files_have_their_true_hashes(results, entities):
    files = [one for one in entities.values() if "File" in one["@type"]]
    model = "models/neuroquant/model.safetensors"
    assert {one["@id"] for one in files} >= {"report.html", "tables/table1.csv", model, WORKFLOW}
    for one in files:
        assert one["sha256"] == hashlib.sha256((results / one["@id"]).read_bytes()).hexdigest()
        assert one["contentSize"] == str((results / one["@id"]).stat().st_size)


def test_the_root_names_the_profiles_and_the_workflow(entities):
    root = entities["./"]
    assert "https://w3id.org/ro/wfrun/provenance/0.5" in {one["@id"] for one in root["conformsTo"]}
    assert root["mainEntity"] == {"@id": WORKFLOW} and "ComputationalWorkflow" in entities[WORKFLOW]["@type"]


def test_what_ran_is_there_by_rule_with_what_it_made(entities):
    assert (
        entities["#action-train"]["name"] == "train: 3 jobs"
        and "37.5 seconds" in entities["#action-train"]["description"]
    )
    assert entities["#action-train"]["result"] == {"@id": "models/neuroquant/model.safetensors"}
    assert entities["#action-save_untrained"]["result"] == {"@id": "models/identity/model.safetensors"}
    assert {one["@id"] for one in entities["#organised"]["object"]} == {
        f"#control-{r}" for r in ("train", "save_untrained", "index", "table")
    }


def test_a_cohort_is_counts_and_one_hash_and_nobody_is_named(results, entities):
    cohort = entities["#cohort-synthetic_a"]
    assert cohort["description"].startswith("5 sessions of 5 subjects")
    assert cohort["sha256"] == hashlib.sha256(b"h0\nh1\nh2\nh3\nh4").hexdigest()
    assert "sub-" not in (results / METADATA).read_text() and str(results) not in (results / METADATA).read_text()


@pytest.mark.slow
@pytest.mark.parametrize("level", ["REQUIRED"])
def test_a_validator_finds_nothing_against_the_provenance_profile(results, level, monkeypatch):
    pytest.importorskip("rocrate_validator", reason="roc-validator isn't installed")
    from rocrate_validator import models, services
    from rocrate_validator.utils import document_loader, http

    def get(_self, url, *_args, **_kwargs):
        return Answer(CONTEXTS[url])

    monkeypatch.setattr(document_loader, "_fetch_json_ld", lambda url: CONTEXTS[url])
    monkeypatch.setattr(http.HttpRequester, "get", get, raising=False)
    document_loader.install_document_loader()
    settings = models.ValidationSettings(
        rocrate_uri=str(results),
        profile_identifier="provenance-run-crate-0.5",
        requirement_severity=getattr(models.Severity, level),
    )
    found = services.validate(settings)
    assert not [(one.check.identifier, one.message) for one in found.get_issues()]
    broken = json.loads((results / METADATA).read_text())
    next(one for one in broken["@graph"] if one["@id"] == "#organised").pop("instrument")
    other = results.parent / "broken"
    shutil.copytree(results, other, dirs_exist_ok=True)
    (other / METADATA).write_text(json.dumps(broken))
    settings = settings.__class__(
        rocrate_uri=str(other),
        profile_identifier="provenance-run-crate-0.5",
        requirement_severity=models.Severity.REQUIRED,
    )
    assert services.validate(settings).get_issues(), "a validator that can't fail shows nothing"


class Answer:
    """What a request gives without network."""

    status_code, ok, headers = 200, True, {"Content-Type": "application/ld+json"}

    def __init__(self, value):
        self.value, self.text = value, json.dumps(value)

    def json(self):
        return self.value

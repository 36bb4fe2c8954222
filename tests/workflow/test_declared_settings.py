"""Scripts get no more settings than their rules declare: each runs on made-up scores with these alone."""

import json
import runpy
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from neuroquant.config.parts import part_of
from neuroquant.files import write_json, write_tsv
from neuroquant.job import THREAD_VARIABLES
from neuroquant.report.contents import entry
from neuroquant.store.arrays import ArrayWriter, Record
from neuroquant.tables import (
    CODES,
    DISENTANGLEMENT,
    FIDELITY,
    SPREAD,
    STRUCTURE_ERRORS,
    SYNTHESIS_SCORES,
    TARGET_VALUES,
    TARGETS,
)
from tests.made_up import experiment, write_numbers  # noqa: F401
from tests.workflow.declared import declared
from tests.workflow.run import ROOT

COHORTS = ("synthetic_a", "synthetic_b")


class Named(dict):
    """Files or parameters by name, as attributes too: Snakemake's Namedlist."""

    __getattr__ = dict.__getitem__


@pytest.fixture
def job(tmp_path, monkeypatch, experiment):  # noqa: F811
    """Run the script of a rule with inputs below `tmp_path`."""
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "1")

    def run(rule: str, script: str, inputs: dict, outputs: dict, wildcards: dict | None = None, **params) -> None:
        given = SimpleNamespace(
            rule=rule,
            wildcards=Named(wildcards or {}),
            log=[str(tmp_path / "logs" / rule / "all.log")],
            threads=1,
            input=Named(inputs),
            output=Named({name: str(path) for name, path in outputs.items()}),
            params=Named({"experiment": part_of(experiment, *declared()[rule])} | params),
        )
        try:
            runpy.run_path(str(ROOT / f"workflow_scripts/{script}.py"), init_globals={"snakemake": given})
        except SystemExit:
            pytest.fail(next((tmp_path / "logs/failures").glob("*.json")).read_text())

    return run


@pytest.fixture
def made(tmp_path, experiment, job):  # noqa: F811
    """Gathered numbers, and what the rule `cells` computes of them: name -> path."""
    write_numbers(tmp_path, experiment)
    for name, columns in (("disentanglement", DISENTANGLEMENT), ("spread", SPREAD), ("errors", STRUCTURE_ERRORS)):
        write_tsv(pd.DataFrame(columns=columns), tmp_path / f"{name}.tsv")
    names = ("fidelity", "dice", "predictions", "regions", "disentanglement", "spread", "errors")
    paths = {name: str(tmp_path / f"{name}.tsv") for name in names}
    computed = {
        name: str(tmp_path / f"{name}.csv") for name in ("cells", "tests", "against_mean", "trainings", "against_full")
    }
    job("cells", "cells", paths, computed)
    return paths | computed


@pytest.fixture
def models(tmp_path, experiment):  # noqa: F811
    """Model -> provenance.json, as a rule passes it."""
    facts = {"parameters": 10, "factor": 8, "kbit_per_volume": 1.0, "voxels_seen": 5, "steps": 1, "seconds": 1.0}
    facts |= {"device": "cpu", "threads": 1, "processes": 1}
    paths = {entry.name: str(tmp_path / f"{entry.name}.json") for entry in experiment.models}
    for path in paths.values():
        write_json(path, facts)
    return json.dumps(paths)


def outputs_of(folder, *names: str, **more) -> dict:
    """Kind -> path of entries of the report's contents, in one folder."""
    return {kind: folder / f"out-{name}.{kind}" for name in names for kind in entry(name).outputs} | more


@pytest.mark.parametrize("table", ["table1", "table2"])
def test_tables(made, models, job, tmp_path, table):
    out = outputs_of(tmp_path, "table", **{name: tmp_path / f"{name}.out" for name in ("tests", "mean", "budgets")})
    job("table", "table", made, out, {"table": table}, models=models)
    assert "NeuroQuant" in out["md"].read_text()


def test_claims(made, models, job, tmp_path):
    for table in ("table1", "table2"):
        out = outputs_of(tmp_path, "table", **{name: tmp_path / f"{name}.out" for name in ("tests", "mean", "budgets")})
        job("table", "table", made, out | {"csv": tmp_path / f"{table}.csv"}, {"table": table}, models=models)
    tables = {table: str(tmp_path / f"{table}.csv") for table in ("table1", "table2")}
    out = outputs_of(tmp_path, "claims", cells=tmp_path / "cells.out")
    job("claims", "claims", made | tables, out, models=models)
    assert len(pd.read_csv(out["csv"]))


def test_breakdown(made, job, tmp_path):
    people = [{"subject": f"s{n}", "session": "1", "sex": "FM"[n % 2], "age": "9", "site": "A"} for n in range(12)]
    sessions = {cohort: str(tmp_path / f"{cohort}.sessions.tsv") for cohort in COHORTS}
    for path in sessions.values():
        write_tsv(pd.DataFrame(people), path)
    for name, columns in (("synthesis", SYNTHESIS_SCORES), ("codes", CODES)):
        write_tsv(pd.DataFrame(columns=columns), tmp_path / f"{name}.tsv")
    shards = {name: [str(tmp_path / f"{name}.tsv")] for name in ("synthesis", "codes")}
    out = outputs_of(tmp_path, "breakdown")
    job("breakdown", "breakdown", made | shards, out, sessions=json.dumps(sessions))
    assert out["html"].stat().st_size


def test_figure_4(made, job, tmp_path):
    out = outputs_of(tmp_path, "figure4")
    job("draw_figure4", "figure4", made, out)
    assert out["png"].stat().st_size


def test_rate(made, models, job, tmp_path):
    records = [Record(COHORTS[0], "s1", "1", "T1w", "test", "", "F", 9.0)]
    facts = {"model": "neuroquant", "factor": 16, "kbit_per_volume": 2.4, "parameters": 1234}
    with ArrayWriter(tmp_path / "shard.h5", records, facts) as writer:
        writer.create("image", (4, 6, 4), np.float16)
        writer.note(encode_s=1.0, decode_s=2.0)
    out = outputs_of(tmp_path, "rate", costs=tmp_path / "costs.csv", costs_page=tmp_path / "costs.html")
    job("draw_rate", "rate", made | {"reconstructions": [str(tmp_path / "shard.h5")]}, out, models=models)
    assert out["png"].stat().st_size


def test_model_cards(made, job, tmp_path, experiment):  # noqa: F811
    people = pd.DataFrame({"subject": ["s1", "s2"], "split": ["train", "test"]})
    table = pd.DataFrame({"subject": ["s1", "s2"], "session": ["1", "1"], "T1w": ["a", "b"], "T2w": ["c", ""]})
    tables = {name: {c: str(tmp_path / f"{c}.{name}.tsv") for c in COHORTS} for name in ("sessions", "splits")}
    for cohort in COHORTS:
        write_tsv(table, tables["sessions"][cohort])
        write_tsv(people, tables["splits"][cohort])
    cards = {}
    for model in experiment.models:
        (tmp_path / model.name).mkdir()
        settings = {"model": model.model_dump(mode="json"), "volume": experiment.volume.model_dump(mode="json")}
        write_json(tmp_path / model.name / "config.json", settings)
        cards[model.name] = str(tmp_path / model.name / "README.md")
    named = {name: json.dumps(paths) for name, paths in (tables | {"cards": cards}).items()}
    job("model_cards", "model_cards", made, {}, **named)
    assert all("\n## Measured scores\n\n| cohort |" in open(path).read() for path in cards.values())


def probed(folder) -> dict[str, str]:
    """Tables of both cohorts that controls are computed from, and values of a target of each session, as parameters."""
    people = pd.DataFrame({"cohort": COHORTS[0], "subject": [f"s{n}" for n in range(12)], "session": "1"})
    facts = {"family": "", "sex": ["FM"[n % 2] for n in range(12)], "age": [f"{9 + n}" for n in range(12)]}
    splits = people[["subject"]].assign(split=["test" if n % 3 else "train" for n in range(12)])
    tables = {"sessions": people.assign(**facts), "qc": people.assign(brain_ml=range(12)), "splits": splits}
    for name, table in tables.items():
        write_tsv(table, folder / f"{name}.tsv")
    write_tsv(people.assign(target="age", value=facts["age"])[TARGET_VALUES], folder / "known.tsv")
    row = ["age", "regression", "[]", 12, 12, 12]
    write_tsv(pd.DataFrame([row], columns=TARGETS), folder / "facts.tsv")
    paths = json.dumps({COHORTS[0]: {name: str(folder / f"{name}.tsv") for name in tables}})
    return {"cohorts": paths, "scored": [COHORTS[0]]}


def test_probes_of_sex_and_of_other_targets(made, job, tmp_path):
    params, target = probed(tmp_path), {"target": "age", "part": "main", "truth": "10", "probabilities": ""}
    rows = [
        {"cohort": COHORTS[0], "subject": f"s{n}", "session": "1", "family": "", "modality": "T1w", "seed": "0"}
        | {"model": "neuroquant", "probe": "linear", "array": "z", "predicted": f"{n}"} | target | {"truth": f"{9 + n}"}
        for n in (1, 2, 4, 5)
    ]  # fmt: skip
    write_tsv(pd.DataFrame(rows), tmp_path / "guesses.tsv")
    files = {"facts": [str(tmp_path / "facts.tsv")], "known": [str(tmp_path / "known.tsv")]}
    files["predictions"] = str(tmp_path / "guesses.tsv")
    job("target_details", "target_details", files, {"details": tmp_path / "targets.csv"}, **params)
    out = {"details": tmp_path / "details.csv", "page": tmp_path / "probes.html"}
    job("probe_details", "probe_details", made | {"targets": str(tmp_path / "targets.csv")}, out, **params)
    assert "Other targets" in out["page"].read_text()
    assert "control: head size" in set(pd.read_csv(tmp_path / "targets.csv").model)
    job("probe_details", "probe_details", made, out, **params)
    assert "Other targets" not in out["page"].read_text()


def test_a_setting_that_is_not_declared_ends_the_job_with_its_name(made, job, tmp_path, experiment):  # noqa: F811
    with pytest.raises(pytest.fail.Exception, match="Experiment.table1 isn't among the settings"):
        job("cells", "cells", made, {}, experiment=part_of(experiment, "modalities", "models", "fidelity", "cohorts"))


def test_subject_pages(job, tmp_path):
    records = [Record(COHORTS[0], "s1", "", "T1w", "test", "", "F", 9.0)]
    for name in ("volumes", "copies"):
        with ArrayWriter(tmp_path / f"{name}.h5", records) as writer:
            for array, kind in (("image", np.float16), ("mask", np.uint8)):
                writer.create(array, (16, 16, 16), kind)
                writer.write(array, 0, np.ones((16, 16, 16), kind))
    write_tsv(pd.DataFrame(columns=FIDELITY), tmp_path / "scores.tsv")
    write_tsv(pd.DataFrame({"subject": ["s1"], "session": [""], "brain_ml": [1.0]}), tmp_path / "qc.tsv")
    paths = {"fidelity": [str(tmp_path / "scores.tsv")], "qc": str(tmp_path / "qc.tsv")}
    files = {"volumes": {"test-000": str(tmp_path / "volumes.h5")}}
    files |= {"models": {"neuroquant": {"test-000": str(tmp_path / "copies.h5")}}}
    wildcards = {"model": "neuroquant", "cohort": COHORTS[0]}
    out = {"pages": tmp_path / "pages"}
    job("draw_subject_pages", "subject_pages", paths, out, wildcards, files=json.dumps(files))
    assert "NeuroQuant" in (tmp_path / "pages/s1.html").read_text()

"""A Provenance Run RO-Crate: what was read, what ran, and what came out, in the terms of the Workflow Run profiles 0.5.

`ro-crate-metadata.json` lies beside the report and makes a crate of the results folder. It names files below the
results, counts and hashes; no subject, and no folder of the data.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv, sha256, write_json

METADATA = "ro-crate-metadata.json"
WORKFLOW = "workflow/Snakefile"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
CONTEXT = [f"{SPECIFICATION}/context", "https://w3id.org/ro/terms/workflow-run/context"]
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
LICENCE = "http://www.apache.org/licenses/LICENSE-2.0"
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
PACKAGE = "https://pypi.org/project/{}/"
DONE = "http://schema.org/CompletedActionStatus"
FILES = (
    "config.yaml", "report.html", "tables/*", "numbers/*.tsv", "numbers/*.csv", "figures/*", "figures/montage/*/*",
    "report/*", "segmenter/*",
    "models/*/*", "cohorts/*/*.tsv", "workflow/**/*",
)  # fmt: skip
"""What the crate names. Volumes, latents and reconstructions are left out: they hold the data, and are large."""
KINDS = {
    "html": "text/html", "csv": "text/csv", "tsv": "text/tab-separated-values", "json": "application/json",
    "md": "text/markdown", "tex": "application/x-tex", "png": "image/png", "svg": "image/svg+xml",
    "pdf": "application/pdf", "yaml": "application/yaml", "h5": "application/x-hdf5",
}  # fmt: skip
MADE_BY = {
    "fit_standin": ("segmenter/",),
    "table": ("tables/table1", "tables/table2", "tables/cells"),
    "gather": tuple(
        f"numbers/{name}.tsv"
        for name in ("fidelity", "dice", "dice_truth", "regions", "spread", "disentanglement", "predictions")
    ),
    "claims": ("tables/claims",), "draw_figure3": ("figures/figure3", "report/viewer.html"),
    "draw_figure4": ("figures/figure4",),
    "draw_rate": ("figures/rate", "numbers/rate.csv", "numbers/costs.csv", "tables/costs"),
    "training_curves": ("figures/training", "figures/codes"),
    "front_page": (
        "report/summary", "report/people", "report/origins", "report/checklist", "report/provenance",
        "numbers/exclusions", "numbers/runtime",
    ),
    "qc": ("figures/qc_",), "montage": ("figures/montage/",), "report": ("report.html",),
    "breakdown": (
        "tables/breakdown", "numbers/structures", "numbers/agreement", "numbers/groups", "numbers/synthesis",
        "numbers/codebook",
    ),
    "probe_details": ("numbers/probe_details", "tables/probes"), "compare_cohorts": ("numbers/cohorts_apart",),
}  # fmt: skip
"""How the paths of what a rule made begin, for rules whose results the crate names, but those that make models."""
Entity = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """All jobs of a rule: how many, when the first began and the last ended, and how long they took together."""

    rule: str
    jobs: int
    began: datetime
    ended: datetime
    seconds: float


def write_crate(experiment: Experiment, results: Path, facts: dict[str, Any]) -> None:
    """Write the metadata of the crate into the results folder, which must hold the workflow under `workflow/`.

    Parameters
    ----------
    facts : as `provenance.collect` gives them.
    """
    write_json(results / METADATA, {"@context": CONTEXT, "@graph": graph(experiment, results, facts)})


def graph(experiment: Experiment, results: Path, facts: dict[str, Any]) -> list[Entity]:
    """All entities."""
    files = listed_files(results)
    inputs = [cohort_entity(experiment, results, cohort.name) for cohort in experiment.cohorts]
    ran = runs(results / "benchmarks")
    tools = [tool(one, facts) for one in ran]
    data = [one for one in files if one["@id"] != WORKFLOW]
    ids = [refer(one) for one in data]
    steps = [
        {"@id": f"{WORKFLOW}#{one.rule}", "@type": "HowToStep", "name": one.rule, "position": str(number + 1),
         "workExample": {"@id": f"#tool-{one.rule}"}}
        for number, one in enumerate(ran)
    ]  # fmt: skip
    now = datetime.now(UTC).replace(microsecond=0)
    began = min((one.began for one in ran), default=now)
    whole = {
        "@id": "#run", "@type": "CreateAction", "name": f"Run of {experiment.experiment}",
        "description": f"All {sum(one.jobs for one in ran)} jobs of the workflow, by Snakemake.",
        "instrument": {"@id": WORKFLOW}, "object": [*map(refer, inputs), {"@id": "config.yaml"}],
        "result": ids, "startTime": began.isoformat(), "endTime": now.isoformat(), "actionStatus": DONE,
    }  # fmt: skip
    models = {row.name: "train" if row.training.phases else "save_untrained" for row in experiment.models}
    folders = {rule: tuple(f"models/{row}/" for row in models if models[row] == rule) for rule in models.values()}
    actions = [tool_action(one, ids, inputs, (MADE_BY | folders).get(one.rule, ())) for one in ran]
    controls = [
        {"@id": f"#control-{one.rule}", "@type": "ControlAction", "name": f"Orchestration of {one.rule}",
         "instrument": {"@id": f"{WORKFLOW}#{one.rule}"}, "object": {"@id": f"#action-{one.rule}"}}
        for one in ran
    ]  # fmt: skip
    engine = application("snakemake", "Snakemake", facts["packages"]["snakemake"], "https://snakemake.github.io")
    organised = {
        "@id": "#organised", "@type": "OrganizeAction", "name": "Run of Snakemake", "instrument": refer(engine),
        "object": single(list(map(refer, controls))), "result": {"@id": "#run"}, "startTime": began.isoformat(),
        "endTime": now.isoformat(),
    }  # fmt: skip
    workflow = {
        **next(one for one in files if one["@id"] == WORKFLOW),
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "NeuroQuant's workflow", "programmingLanguage": {"@id": LANGUAGE}, "license": {"@id": LICENCE},
        "version": facts["commit"] or facts["neuroquant"], "hasPart": single(list(map(refer, tools))),
        "step": single(list(map(refer, steps))),
    }  # fmt: skip
    root = {
        "@id": "./", "@type": "Dataset", "name": f"NeuroQuant: {experiment.experiment}",
        "description": "Autoencoders of brain MRI, compared: tables, figures, models and the report.",
        "datePublished": now.date().isoformat(), "license": "The licence of the results is their owners' to choose.",
        "conformsTo": [{"@id": profile} for profile in PROFILES], "mainEntity": {"@id": WORKFLOW},
        "hasPart": [{"@id": WORKFLOW}, *ids],
        "mentions": [{"@id": "#run"}, {"@id": "#organised"}, *map(refer, actions)],
    }  # fmt: skip
    return [
        {"@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"},
         "conformsTo": [{"@id": SPECIFICATION}, {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"}]},
        root, workflow, *data, *inputs, whole, organised, *controls, *actions, *tools, *steps, engine,
        *({"@id": profile, "@type": "CreativeWork", "name": name, "version": profile.rsplit("/", 1)[1]}
          for profile, name in PROFILES.items()),
        {"@id": LANGUAGE, "@type": "ComputerLanguage", "name": "Snakemake", "alternateName": "Snakemake",
         "identifier": {"@id": "https://snakemake.github.io"}, "url": {"@id": "https://snakemake.github.io"}},
        {"@id": LICENCE, "@type": "CreativeWork", "name": "Apache License 2.0", "url": LICENCE},
        *packages(facts),
    ]  # fmt: skip


def refer(entity: Entity) -> Entity:
    """A reference to an entity."""
    return {"@id": entity["@id"]}


def listed_files(results: Path) -> list[Entity]:
    """A File entity with size and SHA-256 for everything that the crate names, in order."""
    paths = sorted({path for pattern in FILES for path in results.glob(pattern) if path.is_file()})
    entities = []
    for path in paths:
        if path.name.startswith("."):
            continue
        place = path.relative_to(results).as_posix()
        kind = KINDS.get(
            path.suffix.lstrip("."), "application/octet-stream" if path.suffix == ".safetensors" else "text/plain"
        )
        facts = {"@id": place, "@type": "File", "name": place, "encodingFormat": kind}
        entities.append({**facts, "contentSize": str(path.stat().st_size), "sha256": sha256(path)})
    return entities


def cohort_entity(experiment: Experiment, results: Path, name: str) -> Entity:
    """What a cohort gave: counts, and one hash over the hashes of all its images' voxels. Its folder isn't named."""
    cohort = experiment.cohort(name)
    qc, sessions = (results / "cohorts" / name / f"{table}.tsv" for table in ("qc", "sessions"))
    kept = read_tsv(sessions) if sessions.exists() else pd.DataFrame(columns=["subject"])
    entity = {
        "@id": f"#cohort-{name}",
        "@type": "Dataset",
        "name": cohort.shown,
        "description": f"{len(kept)} sessions of {kept.subject.nunique()} subjects"
        + (", made by the workflow itself" if cohort.embedded else ", not part of this crate"),
    }
    if qc.exists():
        voxels = read_tsv(qc)
        columns = sorted(name for name in voxels if name.endswith("_hash"))
        hashes = sorted(value for column in columns for value in voxels[column] if value)
        if hashes:
            entity["sha256"] = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return entity


def runs(benchmarks: Path) -> list[Ran]:
    """What ran, by rule, in the order in which rules began; Snakemake writes a benchmark file when a job ends."""
    found = []
    for folder in sorted(path for path in benchmarks.iterdir() if path.is_dir()) if benchmarks.is_dir() else []:
        times = []
        for file in sorted(folder.glob("*.tsv")):
            seconds = float(pd.to_numeric(pd.read_csv(file, sep="\t")["s"], errors="coerce").fillna(0).sum())
            times.append((file.stat().st_mtime - seconds, file.stat().st_mtime, seconds))
        if times:
            began, ended = (datetime.fromtimestamp(int(at), UTC) for at in (min(times)[0], max(t[1] for t in times)))
            found.append(Ran(folder.name, len(times), began, ended, sum(each[2] for each in times)))
    return sorted(found, key=lambda one: (one.began, one.rule))


def tool(one: Ran, facts: dict[str, Any]) -> Entity:
    """The script behind a rule."""
    return {
        "@id": f"#tool-{one.rule}",
        "@type": "SoftwareApplication",
        "name": f"neuroquant: {one.rule}",
        "softwareVersion": facts["neuroquant"],
        "softwareRequirements": [{"@id": PACKAGE.format(name)} for name in facts["packages"]],
    }


def tool_action(one: Ran, ids: list[Entity], inputs: list[Entity], begin: tuple[str, ...]) -> Entity:
    """All jobs of a rule as one action; `begin`: how the paths of what they made begin."""
    made = [each for each in ids if each["@id"].startswith(begin)]
    action = {
        "@id": f"#action-{one.rule}",
        "@type": "CreateAction",
        "name": f"{one.rule}: {one.jobs} job" + "s" * (one.jobs > 1),
        "description": f"{one.seconds:.1f} seconds of jobs",
        "instrument": {"@id": f"#tool-{one.rule}"},
        "startTime": one.began.isoformat(),
        "endTime": one.ended.isoformat(),
        "actionStatus": DONE,
    }
    if one.rule in ("index", "preprocess"):
        action["object"] = single(list(map(refer, inputs)))
    return action | ({"result": single(made)} if made else {})


def single(values: list[Entity]) -> Entity | list[Entity]:
    """A list of one as its one: how RO-Crate 1.1 wants it."""
    return values[0] if len(values) == 1 else values


def application(name: str, shown: str, version: str, url: str) -> Entity:
    """A program."""
    facts = {"@id": f"#{name}", "@type": "SoftwareApplication", "name": shown}
    return {**facts, "softwareVersion": version, "url": {"@id": url}}


def packages(facts: dict[str, Any]) -> list[Entity]:
    """The libraries that results hang on."""
    return [
        {"@id": PACKAGE.format(name), "@type": "SoftwareApplication", "name": name, "softwareVersion": version,
         "url": PACKAGE.format(name)}
        for name, version in facts["packages"].items()
    ]  # fmt: skip

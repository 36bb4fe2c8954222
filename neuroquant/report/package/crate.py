"""A Provenance Run RO-Crate: what was read, what ran, and what came out, in the terms of the Workflow Run profiles 0.5.

`ro-crate-metadata.json` lies beside the report and makes a crate of the results folder. It names files below the
results, counts and hashes; no subject, and no folder of the data.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv, sha256, write_json
from neuroquant.report.contents import CONTENTS, patterns
from neuroquant.report.package.crate_run import (
    LANGUAGE,
    LICENCE,
    WORKFLOW,
    Entity,
    packages,
    refer,
    run_entities,
    runs,
    workflow_entity,
)

METADATA = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
CONTEXT = [f"{SPECIFICATION}/context", "https://w3id.org/ro/terms/workflow-run/context"]
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
FILES = (
    *(pattern for one in CONTENTS for pattern in patterns(one)), "config.yaml", "report.html", "numbers/*.tsv",
    "numbers/*.csv", "segmenter/*", "models/*/*", "cohorts/*/*.tsv", "workflow/**/*",
)  # fmt: skip
"""What the crate names. Volumes, latents and reconstructions are left out: they hold the data, and are large."""
KINDS = {
    "html": "text/html", "csv": "text/csv", "tsv": "text/tab-separated-values", "json": "application/json",
    "md": "text/markdown", "tex": "application/x-tex", "png": "image/png", "svg": "image/svg+xml",
    "pdf": "application/pdf", "yaml": "application/yaml", "h5": "application/x-hdf5",
}  # fmt: skip


def write_crate(experiment: Experiment, results: Path, facts: dict[str, Any]) -> None:
    """Write the metadata of the crate into the results folder, which must hold the workflow under `workflow/`.

    Parameters
    ----------
    facts : as `provenance.collect` gives them.
    """
    write_json(results / METADATA, {"@context": CONTEXT, "@graph": graph(experiment, results, facts)})


def graph(experiment: Experiment, results: Path, facts: dict[str, Any]) -> list[Entity]:
    """All entities of the crate."""
    files = listed_files(results)
    inputs = [cohort_entity(experiment, results, cohort.name) for cohort in experiment.cohorts]
    ran = runs(results / "benchmarks")
    data = [one for one in files if one["@id"] != WORKFLOW]
    workflow = workflow_entity(ran, next(one for one in files if one["@id"] == WORKFLOW), facts)
    run = run_entities(experiment, ran, data, inputs, facts)
    actions = [{"@id": f"#action-{one.rule}"} for one in ran]
    root = {
        "@id": "./", "@type": "Dataset", "name": f"NeuroQuant: {experiment.experiment}",
        "description": "Autoencoders of brain MRI, compared: tables, figures, models and the report.",
        "datePublished": datetime.now(UTC).date().isoformat(),
        "license": "The licence of the results is their owners' to choose.",
        "conformsTo": [{"@id": profile} for profile in PROFILES], "mainEntity": {"@id": WORKFLOW},
        "hasPart": [{"@id": WORKFLOW}, *map(refer, data)],
        "mentions": [{"@id": "#run"}, {"@id": "#organised"}, *actions],
    }  # fmt: skip
    metadata = {
        "@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"},
        "conformsTo": [{"@id": SPECIFICATION}, {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"}],
    }  # fmt: skip
    return [metadata, root, workflow, *data, *inputs, *run, *terms(), *packages(facts)]


def terms() -> list[Entity]:
    """What the crate refers to outside of it: profiles, language, licence."""
    return [
        *({"@id": profile, "@type": "CreativeWork", "name": name, "version": profile.rsplit("/", 1)[1]}
          for profile, name in PROFILES.items()),
        {"@id": LANGUAGE, "@type": "ComputerLanguage", "name": "Snakemake", "alternateName": "Snakemake",
         "identifier": {"@id": "https://snakemake.github.io"}, "url": {"@id": "https://snakemake.github.io"}},
        {"@id": LICENCE, "@type": "CreativeWork", "name": "Apache License 2.0", "url": LICENCE},
    ]  # fmt: skip


def listed_files(results: Path) -> list[Entity]:
    """A File entity with size and SHA-256 for everything that the crate names, in order."""
    paths = sorted({path for pattern in FILES for path in results.glob(pattern) if path.is_file()})
    entities = []
    for path in paths:
        if path.name.startswith("."):
            continue
        name = path.relative_to(results).as_posix()
        kind = KINDS.get(
            path.suffix.lstrip("."), "application/octet-stream" if path.suffix == ".safetensors" else "text/plain"
        )
        facts = {"@id": name, "@type": "File", "name": name, "encodingFormat": kind}
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
        + (", made by the workflow itself" if cohort.stand_in else ", not part of this crate"),
    }
    if qc.exists():
        voxels = read_tsv(qc)
        columns = sorted(name for name in voxels if name.endswith("_hash"))
        hashes = sorted(value for column in columns for value in voxels[column] if value)
        if hashes:
            entity["sha256"] = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return entity

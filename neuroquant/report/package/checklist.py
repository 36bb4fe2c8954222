"""CLAIM 2024, the checklist for AI in medical imaging, filled in where the run knows the answer."""

import html
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from neuroquant.config.base import Settings
from neuroquant.config.experiment import Experiment
from neuroquant.config.volume import Split
from neuroquant.files import read_tsv, write_text
from neuroquant.report.html import link, page
from neuroquant.report.pages.front_page import listed
from neuroquant.report.pages.people import SHARED, Cohorts

OPEN = "to be filled in by the authors"
ENGINES = {
    "none": "none was run",
    "standin": "a stand-in fitted here (an atlas and a mixture of Gaussians), not SynthSeg",
    "torch": "SynthSeg {version} in PyTorch",
    "upstream": "SynthSeg {version}, its own program",
    "freesurfer": "FreeSurfer's mri_synthseg",
}


class Item(Settings):
    """One item of the checklist."""

    number: int = Field(description="as CLAIM 2024 counts")
    section: str = Field(description="of a manuscript")
    asks: str = Field(description="what should be reported, in our words")
    answer: str = Field(description="with {facts} of the run; empty where it can't know")
    shows: tuple[str, ...] = Field(description="files of the report")


@lru_cache(maxsize=1)
def items() -> tuple[Item, ...]:
    """All 44."""
    text = (Path(__file__).parent / "checklist.yaml").read_text(encoding="utf-8")
    return tuple(Item.model_validate(item) for item in yaml.safe_load(text))


def write_checklist(experiment: Experiment, cohorts: Cohorts, provenance: dict[str, Any], out: Path) -> None:
    """Write the page."""
    known = facts(experiment, cohorts, provenance)
    rows, answered = [], 0
    for item in items():
        answer = filled(item, known)
        answered += bool(answer)
        shown = [path.format(cohort=experiment.cohorts[0].name) for path in item.shows] if answer else []
        links = ", ".join(link(path, Path(path).stem.replace("_", " ")) for path in shown)
        told = html.escape(answer) if answer else f"<i>{OPEN}</i>"
        cells = (str(item.number), html.escape(item.section), html.escape(item.asks), told, links)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("item", "section", "what is asked", "answer", "where"))
    body = (
        "<style>.claim td,.claim th{white-space:normal;text-align:left;vertical-align:top}"
        ".claim td:first-child{min-width:0}</style><h1>CLAIM checklist</h1>"
        "<p>The items of the Checklist for Artificial Intelligence in Medical Imaging, 2024 update (Tejani et al., "
        "Radiology: Artificial Intelligence, doi 10.1148/ryai.240300), in our words. "
        f"{answered} of {len(items())} are answered from this run; the others are the authors' to fill in.</p>"
        f'<div class="wide"><table class="small claim"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table></div>"
    )
    write_text(out, page("CLAIM checklist", body))


def filled(item: Item, known: dict[str, str]) -> str:
    """The answer with its facts; empty where the run lacks one of them."""
    needed = re.findall(r"\{(\w+)\}", item.answer)
    return item.answer.format(**known) if all(known.get(name) for name in needed) else ""


def facts(experiment: Experiment, cohorts: Cohorts, provenance: dict[str, Any]) -> dict[str, str]:
    """What the answers need; empty where the run doesn't know."""
    embedded = [cohort.shown for cohort in experiment.cohorts if cohort.embedded]
    real = [cohort.shown for cohort in experiment.cohorts if not cohort.embedded]
    made = f"{listed(embedded)}: made by the workflow from one template" if embedded else ""
    splits, settings, segmentation = experiment.split, experiment.statistics, experiment.segmentation
    rows = [experiment.row(row) for row in dict.fromkeys((*experiment.table1.rows, *experiment.table2.rows))]
    began = [row.shown for row in rows if row.group == "authors_weights"]
    engine = ENGINES[segmentation.engine].format(version=segmentation.version)
    commit = provenance.get("commit", "")
    return {
        "design": "No person was studied: all cohorts are made by the workflow." if not real else "",
        "rows": ", ".join(row.shown for row in rows),
        "sources": "; ".join(part for part in (made, f"{listed(real)}: as configured" if real else "") if part) + ".",
        "included": included(experiment, cohorts),
        "shape": " x ".join(map(str, experiment.volume.shape)),
        "registration": str(experiment.volume.registration),
        "selection": "All usable sessions of all cohorts; the split decides who trains.",
        "deidentified": "No person was scanned." if not real else "",
        "acquisition": "Simulated scanners; their settings are in the configuration." if not real else "",
        "engine": engine,
        "annotated": "" if segmentation.engine == "none" else f"automatic, by {engine}; no rater took part.",
        "variability": "No rater took part; the engine's agreement with ground truth, where there is any, is told."
        if segmentation.engine != "none"
        else "",
        "split": divided(splits),
        "overlap": overlap(cohorts),
        "architectures": ", ".join(dict.fromkeys(row.architecture for row in rows)),
        "software": f"Python {provenance['python']}; "
        + ", ".join(f"{name} {version}" for name, version in provenance["packages"].items()),
        "initialised": "At random, with the seeds of the configuration"
        + (f"; {listed(began)}: with their authors' weights." if began else "."),
        "training": "; ".join(
            f"{row.shown}: {sum(phase.steps for phase in row.training.phases):,} steps, seed {row.training.seed}"
            for row in rows
            if row.training.phases
        )
        + ".",
        "seeds": f"{len(experiment.probe.seeds)} seed" + "s" * (len(experiment.probe.seeds) > 1),
        "region": experiment.fidelity.region,
        "confidence": f"{100 * settings.confidence:g}",
        "bootstrap": str(settings.bootstrap),
        "tested": listed([experiment.cohort(name).shown for name in experiment.table1.cohorts]),
        "version": str(provenance["neuroquant"]),
        "commit": f", commit {commit}" if commit else " ",
        "available": "made again by the workflow itself." if not real else "",
    }


def divided(splits: Split) -> str:
    """How subjects were dealt out."""
    seeded = f"by a seeded hash of the family or subject (seed {splits.seed}), stratified by sex"
    shares = f"{splits.train:.0%} train, {splits.val:.0%} validation, {splits.test:.0%} test"
    if splits.file:
        return "By a published split file" + (f"; others {seeded}." if splits.newcomers == "hash" else ".")
    if splits.counts:
        told = "; ".join(f"{name}: {' / '.join(map(str, counts))}" for name, counts in splits.counts.items())
        return f"In exact numbers of subjects ({told}; any other cohort {shares}), {seeded}."
    exactly = "To one subject, " if splits.method == "exact" else ""
    told = f"{exactly}{seeded}: {shares}."
    return told[0].upper() + told[1:]


def included(experiment: Experiment, cohorts: Cohorts) -> str:
    """Counts of every cohort."""
    parts = []
    for cohort, sessions, excluded in zip(experiment.cohorts, cohorts.sessions, cohorts.excluded, strict=True):
        kept = read_tsv(sessions)
        people, left = kept.subject.nunique(), len(read_tsv(excluded))
        parts.append(f"{cohort.shown}: {len(kept)} sessions of {people} subjects kept, {left} sessions left out")
    return "; ".join(parts) + "."


def overlap(cohorts: Cohorts) -> str:
    """Subjects, families and images that two splits share, over all cohorts."""
    tables = [read_tsv(path) for path in cohorts.proofs]
    return str(sum(int(table[name].astype(int).sum()) for table in tables for name in SHARED))

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
from neuroquant.files import write_text
from neuroquant.report.html import box, link, page
from neuroquant.report.package.checklist_facts import facts
from neuroquant.statistics.people import CohortTables

OPEN = "to be filled in by the authors"


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


def write_checklist(experiment: Experiment, cohorts: CohortTables, provenance: dict[str, Any], out: Path) -> None:
    """Write the page."""
    known = facts(experiment, cohorts, provenance)
    rows, answered = [], 0
    for item in items():
        answer = filled(item, known)
        answered += bool(answer)
        shown = [path.format(cohort=experiment.cohorts[0].name) for path in item.shows] if answer else []
        links = ", ".join(link(path, Path(path).stem.replace("_", " ")) for path in shown)
        text = html.escape(answer) if answer else f"<i>{OPEN}</i>"
        cells = (str(item.number), html.escape(item.section), html.escape(item.asks), text, links)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("item", "section", "what is asked", "answer", "where"))
    body = (
        "<style>.claim td,.claim th{white-space:normal;text-align:left;vertical-align:top}"
        ".claim td:first-child{min-width:0}</style><h1>CLAIM checklist</h1>"
        "<p>The items of the Checklist for Artificial Intelligence in Medical Imaging, 2024 update (Tejani et al., "
        "Radiology: Artificial Intelligence, doi 10.1148/ryai.240300), in our words. "
        f"{answered} of {len(items())} are answered from this run; the others are the authors' to fill in.</p>"
        + box(f'<table class="small claim"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>')
    )
    write_text(out, page("CLAIM checklist", body))


def filled(item: Item, known: dict[str, str]) -> str:
    """The answer with its facts; empty where the run lacks one of them."""
    needed = re.findall(r"\{(\w+)\}", item.answer)
    return item.answer.format(**known) if all(known.get(name) for name in needed) else ""

"""Parts of the front page: cards of key numbers, verdicts on the paper's main claims, warnings, links with pictures."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.badges import badge, stand_in_tag
from neuroquant.report.contents import CONTENTS, TABLES, Entry, expanded
from neuroquant.report.html import link_to
from neuroquant.report.pictures import thumbnail
from neuroquant.report.tables.model_facts import Costs
from neuroquant.statistics.against_mean import mean_model
from neuroquant.statistics.cells import SYNTHETIC
from neuroquant.statistics.claims.listed import claims
from neuroquant.statistics.claims.outcome import with_kinds
from neuroquant.statistics.metrics import Metric, shown_in

MEANINGS = {
    "psnr": "fidelity: higher is closer to the original",
    "ssim": "structural similarity in 3D",
    "accuracy": "of sex, predicted from the latents",
    "dice": "overlap of segmentations with the original's",
}
"""Metric -> what its card says of it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What the cards are about: a model on a cohort.

    Attributes
    ----------
    model, cohort : str
    costs : Costs
        What each model costs.
    """

    model: str
    cohort: str
    costs: Costs


def cards(experiment: Experiment, cells: pd.DataFrame, about: Subject) -> str:
    """A card per metric of Table 1 that was measured, and one of the size of the latents.

    Parameters
    ----------
    cells : DataFrame
        The tidy Table 1.
    """
    here = cells[cells.cohort == about.cohort].dropna(subset="value")
    shown = [_card(experiment, here, about.model, metric) for metric in shown_in("table1")]
    factor, kbit, millions = about.costs.get(about.model, ("", "", ""))
    if kbit:
        shown.append(
            f'<li class="card"><h2>Size of the latents</h2><p><span class="big">{kbit}</span> kbit per volume</p>'
            f'<p class="of">side reduction {factor}, {millions} million parameters</p></li>'
        )
    own = here[here.model == about.model]
    subjects = f"{own.n_subjects.max():.0f} test subjects" if len(own) else "test subjects"
    model, cohort = experiment.model(about.model).shown, experiment.cohort(about.cohort).shown
    text = f"{model} on the {subjects} of {cohort}; in brackets {experiment.statistics.confidence:.0%} intervals."
    return f'<ul class="cards">{"".join(shown)}</ul><p class="note">{html.escape(text)}</p>'


def _card(experiment: Experiment, here: pd.DataFrame, model: str, metric: Metric) -> str:
    """One metric of a model, a line per modality; nothing where it wasn't measured."""
    own = here[(here.model == model) & (here.metric == metric.name)].drop_duplicates("modality").set_index("modality")
    mean = here[(here.model == mean_model(experiment)) & (here.metric == metric.name)].set_index("modality")["value"]
    lines, engines = [], set()
    for modality in experiment.modalities:
        if modality not in own.index:
            continue
        cell = own.loc[modality]
        text = metric.text
        ends = "" if pd.isna(cell.ci_low) else f' <span class="ci">({text(cell.ci_low)} to {text(cell.ci_high)})</span>'
        lines.append(
            f'<p><span class="big">{text(cell["value"])}</span> {metric.unit} {html.escape(modality)}{ends}</p>'
        )
        if modality in mean.index:
            lines.append(f'<p class="of">mean training image: {text(mean[modality])}</p>')
        engines |= set(str(cell.stand_in).split("; ")) - {"", "nan", SYNTHETIC}
    if not lines:
        return ""
    tags = "".join(stand_in_tag(engine) for engine in sorted(engines))
    meaning = f'<p class="of">{MEANINGS.get(metric.name, "")} {tags}</p>'
    return f'<li class="card"><h2>{html.escape(metric.label)}</h2>{"".join(lines)}{meaning}</li>'


def findings(experiment: Experiment, judged: pd.DataFrame) -> str:
    """The paper's main claims, each with the badge of its verdict, one per cohort where cohorts differ.

    Parameters
    ----------
    judged : DataFrame
        The ledger of statements.
    """
    table = with_kinds(judged.assign(cohort=judged.cohort.fillna(""), verdict=judged.verdict.fillna("")))
    labels = {cohort.name: cohort.shown for cohort in experiment.cohorts}
    items = []
    for claim in claims():
        own = table[table.id == claim.id]
        if not claim.short or not len(own):
            continue
        kinds = dict(zip(own.cohort, own.kind, strict=True))
        if len(set(kinds.values())) == 1:
            shown = badge(own.kind.iloc[0])
        else:
            shown = "".join(badge(kind, f"{kind}: {labels.get(cohort, cohort)}") for cohort, kind in kinds.items())
        items.append(f'<li><span>{html.escape(claim.short)}</span><span class="badges">{shown}</span></li>')
    if not items:
        return ""
    note = stand_in_tag("judged on stand-ins, so they say nothing about the paper") if table.stand_in.any() else ""
    return f'<ul class="findings">{"".join(items)}</ul><p>{note}</p>'


def warnings(texts: list[str]) -> str:
    """What limits the results, in a frame; nothing where nothing does."""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in texts if text)
    return f'<ul class="warnings">{items}</ul>' if items else ""


def where_to_look(contents: Sequence[Entry] = CONTENTS, figures: Mapping[str, Path] | None = None) -> str:
    """Links to the report's other pages and figures, with a small picture where there is one.

    Parameters
    ----------
    contents : sequence of Entry
        What the report has.
    figures : mapping of str to Path, optional
        Path of a figure below the results -> the file.
    """
    items = [
        f"<li>{link_to(path, _picture(one, figures or {}) + _words(one, title))}</li>"
        for one in sorted(contents, key=lambda one: "png" not in one.outputs)
        if one.opens
        for path, title in zip(
            expanded(one.outputs[one.opens], {"table": tuple(TABLES)}),
            expanded(one.title, {"table": tuple(TABLES.values())}),
            strict=True,
        )
    ]
    return f'<ul class="links">{"".join(items)}</ul>'


def _picture(one: Entry, figures: Mapping[str, Path]) -> str:
    path = figures.get(one.outputs.get("png", ""))
    return f'<img src="{thumbnail(path)}" alt="">' if path else ""


def _words(one: Entry, title: str) -> str:
    text = title[:1].upper() + title[1:]
    return f"<b>{html.escape(text)}</b><span>{html.escape(one.about)}</span>"

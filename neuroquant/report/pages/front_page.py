"""The report's front page: in words and tables, what was run on what, what came out, and what is a stand-in."""

import html
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.contents import CONTENTS, TABLES, entry, expanded
from neuroquant.report.html import link, page, paragraphs, small_table
from neuroquant.report.pages.front_words import in_words, lead_table, stand_ins, truth_sentence
from neuroquant.report.pages.people import between, counted, proven
from neuroquant.report.sentences import budget_notes, mean_image_sentences, spread_sentences
from neuroquant.report.tables.layout import Numbers, lay_out
from neuroquant.report.tables.model_facts import Costs, read_seconds
from neuroquant.report.tables.web import html_table
from neuroquant.statistics.people import CohortTables
from neuroquant.statistics.spread import modalities


@dataclass(frozen=True, slots=True)
class Sources:
    """What the front page is made of.

    Attributes
    ----------
    cells, tests : Path
        The tidy Table 1 and its tests.
    models : Costs
        What each model costs, as `model_facts.read_costs` gives it.
    costs : Path
        costs.csv, with seconds per volume, hours of training and the spread between subjects.
    budgets : Path
        table1_budgets.csv.
    truth : Path
        Dice of the segmenter against ground truth, dice_truth.tsv.
    """

    cells: Path
    tests: Path
    models: Costs
    costs: Path
    budgets: Path
    truth: Path


def write(experiment: Experiment, sources: Sources, cohorts: CohortTables, hours: pd.DataFrame, out: Path) -> None:
    """Write one self-contained page.

    Parameters
    ----------
    hours : DataFrame
        As `runtime.runtime` gives them.
    """
    cells, tests, costs = (pd.read_csv(path) for path in (sources.cells, sources.tests, sources.costs))
    sheet = lay_out(experiment, "table1", Numbers(cells, tests, sources.models, read_seconds(sources.costs)))
    origins = entry("origins")
    provenance = link(origins.outputs["html"], origins.title)
    parts = [
        f"<h1>{html.escape(experiment.report.title)}</h1>",
        stand_ins(experiment),
        paragraphs(in_words(experiment, cells, tests)),
        small_table(lead_table(experiment, cells, tests), wrap=True),
        paragraphs(mean_image_sentences(experiment, cells) + spread_sentences(experiment, costs)),
        html_table(sheet),
        trained_for(experiment, pd.read_csv(sources.budgets), costs),
        spread_section(experiment, costs),
        where_to_look(),
        "<h2>Cohorts</h2>",
        people(experiment, cohorts),
        "<h2>Quality of the segmenter</h2>",
        paragraphs([truth_sentence(sources.truth)]),
        "<h2>Time</h2>",
        f"<p>{hours.hours.sum():.2f} hours of jobs, {hours.gpu_hours.sum():.2f} GPU-hours. By rule, with versions and "
        f"hashes: {provenance}.</p>",
        f"<h2>Run it again</h2><p>Commit, date, configuration and command: {provenance}.</p>",
        "<p>Method and published values: Li, Kim, Zhao, Adeli, Pohl, arXiv:2604.05171.</p>",
    ]
    write_text(out, page(experiment.report.title, "".join(parts)))


def trained_for(experiment: Experiment, budgets: pd.DataFrame, costs: pd.DataFrame) -> str:
    """What each training saw and took; nothing where no model of Table 1 was trained."""
    if not len(budgets):
        return ""
    notes = "".join(f'<p class="note">{html.escape(note)}</p>' for note in budget_notes(experiment, budgets))
    return f"<h2>Training budgets</h2>{small_table(budget_table(experiment, budgets, costs))}{notes}"


def budget_table(experiment: Experiment, budgets: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """The budgets as the page shows them, with hours.

    Parameters
    ----------
    budgets : DataFrame
        As `statistics.budgets.budgets` gives them.
    costs : DataFrame
        costs.csv, with the columns `processor_hours` and `gpu_hours`.
    """
    times = costs.drop_duplicates("model").set_index("model")

    def hours(model: str, name: str) -> str:
        value = times[name].get(model) if name in times else None
        return "" if value is None or pd.isna(value) else f"{value:.2g}"

    return pd.DataFrame(
        {
            "model": [experiment.model(name).shown for name in budgets.model],
            "phases": budgets.phases,
            "steps": budgets.steps.map("{:,}".format),
            "voxels seen, millions": ["" if pd.isna(v) else f"{v / 1e6:,.3g}" for v in budgets.voxels_seen],
            "of the full model's": ["" if pd.isna(v) else f"{v:.2f}" for v in budgets.share],
            "processor-hours": [hours(name, "processor_hours") for name in budgets.model],
            "GPU-hours": [hours(name, "gpu_hours") for name in budgets.model],
        }
    )


def spread_section(experiment: Experiment, costs: pd.DataFrame) -> str:
    """How much reconstructions depend on the subject; nothing where it wasn't measured."""
    if not modalities(costs):
        return ""
    return (
        f"<h2>Spread between subjects</h2>{small_table(spread_table(experiment, costs))}"
        '<p class="note">Standard deviation between test subjects of the reconstructions, voxel by voxel within the '
        "brain, as a share of that of the originals. 1: they vary as much; 0: everybody gets the same picture, as from "
        "the mean image. Empty with fewer than two subjects.</p>"
    )


def spread_table(experiment: Experiment, costs: pd.DataFrame) -> pd.DataFrame:
    """The spread as the page shows it: a line per model, a column per cohort and modality of Table 1."""
    wanted = experiment.table1
    table = {"model": [experiment.model(name).shown for name in wanted.models]}
    for cohort in wanted.cohorts:
        here = costs[costs.cohort == cohort].drop_duplicates("model").set_index("model")
        for modality in modalities(costs):
            values = here[f"spread_{modality}"].reindex(wanted.models)
            shown = ["" if pd.isna(value) else f"{value:.2f}" for value in values]
            table[f"{experiment.cohort(cohort).shown}, {modality}"] = shown
    return pd.DataFrame(table)


def where_to_look() -> str:
    """Links to the report's other pages and figures."""
    links = [
        link(path, title)
        for one in CONTENTS
        if one.opens
        for path, title in zip(
            expanded(one.outputs[one.opens], {"table": tuple(TABLES)}),
            expanded(one.title, {"table": tuple(TABLES.values())}),
            strict=True,
        )
    ]
    return f"<p>More: {', '.join(links)}.</p>"


def people(experiment: Experiment, cohorts: CohortTables) -> str:
    """A line per cohort, and what the proof of the split comes down to."""
    paths = zip(cohorts.sessions, cohorts.excluded, cohorts.proofs, strict=True)
    parts = [
        f"<p><b>{html.escape(cohort.shown)}</b>: {counted(sessions, excluded)}</p>{proven(proof)}"
        for cohort, (sessions, excluded, proof) in zip(experiment.cohorts, paths, strict=True)
    ]
    one = entry("people")
    more = f"<p>Exclusions by reason, and splits: {link(one.outputs['html'], one.title)}.</p>"
    return "".join(parts) + between(cohorts.apart) + more

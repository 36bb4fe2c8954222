"""The report's front page: what came out, in a sentence, pictures, numbers and verdicts; then what limits it."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.contents import contents_of, entry
from neuroquant.report.figures.images import Images
from neuroquant.report.html import link, page, paragraphs, small_table
from neuroquant.report.pages.front_parts import Subject, cards, findings, warnings, where_to_look
from neuroquant.report.pages.front_words import (
    in_words,
    lead_table,
    missing,
    result_sentence,
    stand_ins,
    truth_sentence,
)
from neuroquant.report.pages.people import between, counted, proven
from neuroquant.report.pages.strip import Shown, strip
from neuroquant.report.sentences import (
    ALL_ABOVE,
    budget_notes,
    classical_sentences,
    mean_image_sentences,
    spread_sentences,
    training_sentences,
)
from neuroquant.report.tables.layout import Numbers, lay_out
from neuroquant.report.tables.model_facts import Costs, read_seconds
from neuroquant.report.tables.web import brief_table
from neuroquant.statistics.choice import best_baseline, full_model, median_session
from neuroquant.statistics.people import CohortTables
from neuroquant.statistics.spread import modalities


@dataclass(frozen=True, slots=True)
class Sources:
    """What the front page is made of.

    Attributes
    ----------
    cells, tests : Path
        The tidy Table 1 and its tests.
    against_full : Path
        Models without training beside the full model, against_full.csv.
    models : Costs
        What each model costs, as `model_facts.read_costs` gives it.
    costs : Path
        costs.csv, with seconds per volume, hours of training and the spread between subjects.
    budgets : Path
        table1_budgets.csv.
    truth : Path
        Dice of the segmenter against ground truth, dice_truth.tsv.
    claims : Path
        The ledger of statements, claims.csv.
    fidelity : Path
        The gathered fidelity.tsv, by which the session of the pictures is chosen.
    images : Images
        Test shards of the first cohort of Table 1, of its models.
    figures : mapping of str to Path
        Path of a figure below the results -> the file.
    """

    cells: Path
    tests: Path
    against_full: Path
    models: Costs
    costs: Path
    budgets: Path
    truth: Path
    claims: Path
    fidelity: Path
    images: Images
    figures: Mapping[str, Path]


def write(experiment: Experiment, sources: Sources, cohorts: CohortTables, hours: pd.DataFrame, out: Path) -> None:
    """Write one self-contained page.

    Parameters
    ----------
    hours : DataFrame
        As `runtime.runtime` gives them.
    """
    cells, tests, costs = (pd.read_csv(path) for path in (sources.cells, sources.tests, sources.costs))
    beaten = classical_sentences(experiment, pd.read_csv(sources.against_full), costs)
    parts = [
        *result(experiment, sources, cells),
        "<h2>The paper's main claims</h2>",
        findings(experiment, pd.read_csv(sources.claims)),
        f"<p>{link(entry('claims').outputs['html'], 'Every statement and number of the paper')}</p>",
        "<h2>What limits these results</h2>",
        warnings([*beaten, *limits(experiment, cells, costs)]),
        "<h2>Table 1</h2>",
        brief_table(lay_out(experiment, "table1", Numbers(cells, tests, sources.models, read_seconds(sources.costs)))),
        "<details><summary>Which model leads, and by how much</summary>",
        paragraphs(in_words(experiment, tests)),
        small_table(lead_table(experiment, cells, tests), wrap=True),
        "</details>",
        "<h2>More of this report</h2>",
        where_to_look(contents_of(experiment), sources.figures),
        trained_for(experiment, pd.read_csv(sources.budgets), costs),
        spread_section(experiment, costs),
        "<h2>Cohorts</h2>",
        people(experiment, cohorts),
        "<h2>Quality of the segmenter</h2>",
        paragraphs([truth_sentence(sources.truth)]),
        ran(hours),
    ]
    write_text(out, page(experiment.report.title, "".join(parts)))


def result(experiment: Experiment, sources: Sources, cells: pd.DataFrame) -> list[str]:
    """The first screen: the title, the result in a sentence, pictures, and cards of key numbers."""
    cohort, full = experiment.table1.cohorts[0], full_model(experiment)
    baseline = best_baseline(experiment, cells, cohort)
    shown = [name for name in (full, baseline) if name]
    session = median_session(sources.fidelity, cohort, full)
    pictured = Shown(session, {name: experiment.model(name).shown for name in shown}, experiment.modalities)
    return [
        f"<h1>{html.escape(experiment.report.title)}</h1>",
        f'<p class="result">{html.escape(result_sentence(experiment, cells, full, baseline))}</p>',
        strip(sources.images, pictured),
        cards(experiment, cells, Subject(full, cohort, sources.models)),
    ]


def limits(experiment: Experiment, cells: pd.DataFrame, costs: pd.DataFrame) -> list[str]:
    """Stand-ins, models that learned nothing, which seeds were trained, and what wasn't measured."""
    against_mean = [text for text in mean_image_sentences(experiment, cells) if text != ALL_ABOVE]
    return [
        *stand_ins(experiment),
        *against_mean,
        *spread_sentences(experiment, costs),
        *training_sentences(experiment, experiment.table1.models),
        *missing(experiment, cells),
    ]


def ran(hours: pd.DataFrame) -> str:
    """How long it took, and how to run it again."""
    origins = entry("origins")
    provenance = link(origins.outputs["html"], origins.title)
    return (
        f"<h2>Time</h2><p>{hours.hours.sum():.2f} hours of jobs, {hours.gpu_hours.sum():.2f} GPU-hours. By rule, with "
        f"versions and hashes: {provenance}.</p>"
        f"<h2>Run it again</h2><p>Commit, date, configuration and command: {provenance}.</p>"
        "<p>Method and published values: Li, Kim, Zhao, Adeli, Pohl, arXiv:2604.05171.</p>"
    )


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

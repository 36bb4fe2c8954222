"""The report's front page: in words and one table, what was run on what, what came out, and what is a stand-in."""

import html
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.contents import CONTENTS, TABLES, expanded
from neuroquant.report.html import link, page, paragraphs, small_table
from neuroquant.report.pages.people import Cohorts, between, counted, proven
from neuroquant.report.tables import Costs, html_table, lay_out, read_seconds
from neuroquant.statistics import against_mean, budgets
from neuroquant.statistics import spread as variation
from neuroquant.statistics.cells import MODALITIES, by_group
from neuroquant.statistics.numbers import read_numbers

DID = {
    "trained_here": "trained here",
    "authors_weights": "run with their authors' weights",
    "reference": "run without training",
}
"""What was done with the rows of a group."""


def write(
    experiment: Experiment,
    tables: dict[str, tuple[Path, Path]],
    costs: Costs,
    spent: Path,
    budget: Path,
    truth: Path,
    cohorts: Cohorts,
    hours: pd.DataFrame,
    out: Path,
) -> None:
    """Write one self-contained page.

    Parameters
    ----------
    tables : "table1" and "table2" -> (tidy table, tests).
    costs : as `tables.read_costs` gives them.
    spent : costs.csv, with the seconds a volume, hours of training and the spread between subjects.
    budget : table1_budgets.csv.
    truth : Dice of the segmenter against ground truth.
    hours : as `origins.runtime` gives them.
    """
    cells, tests = pd.read_csv(tables["table1"][0]), pd.read_csv(tables["table1"][1])
    took = pd.read_csv(spent)
    sheet = lay_out(experiment, "table1", cells, tests, costs, read_seconds(spent))
    parts = [
        f"<h1>{html.escape(experiment.report.title)}</h1>",
        paragraphs(in_words(experiment, cells, tests)),
        paragraphs(against_mean.in_words(experiment, cells) + variation.in_words(experiment, took)),
        stand_ins(experiment),
        html_table(sheet),
        trained_for(experiment, pd.read_csv(budget), took),
        varied(experiment, took),
        where_to_look(),
        "<h2>Who was in</h2>",
        people(experiment, cohorts),
        "<h2>How good the segmenter is</h2>",
        paragraphs([truth_sentence(truth)]),
        "<h2>What it took</h2>",
        f"<p>{hours.hours.sum():.2f} hours of jobs, {hours.gpu_hours.sum():.2f} GPU-hours; by rule, with versions and "
        f"hashes, under {link('report/origins.html', 'provenance')}.</p>",
        f"<h2>To do it again</h2><p>Commit, date, configuration and command: "
        f"{link('report/origins.html', 'provenance')}.</p>",
        "<p>Method and published values: Li, Kim, Zhao, Adeli, Pohl, arXiv:2604.05171.</p>",
    ]
    write_text(out, page(experiment.report.title, "".join(parts)))


def in_words(experiment: Experiment, cells: pd.DataFrame, tests: pd.DataFrame) -> list[str]:
    """What was run on what, the main result, and what is missing."""
    places = listed([experiment.cohort(cohort).shown for cohort in experiment.table1.cohorts])
    size = " x ".join(map(str, experiment.volume.shape))
    found = {kind: rows for kind, rows in by_group(experiment, experiment.table1.rows).items() if rows}
    named = [f"{listed([experiment.row(row).shown for row in rows])} ({DID[kind]})" for kind, rows in found.items()]
    first = f"{listed(named)}: compared on volumes of {size} voxels of the test subjects of {places}."
    leads = tests[(tests.metric == "psnr") & (tests["rank"] == 1)]
    texts = [first, *(leader(experiment, cells, test) for _, test in leads.iterrows())]
    if not len(leads):
        texts.append("No row leads: PSNR of two rows or more would be needed on a cohort.")
    for name in dict.fromkeys((*experiment.table1.cohorts, *experiment.table2.cohorts)):
        shown = experiment.table1 if name in experiment.table1.cohorts else None
        here = cells[cells.cohort == name]
        absent = [experiment.row(row).shown for row in (shown.rows if shown else ()) if row not in set(here.model)]
        if absent:
            texts.append(f"Missing on {experiment.cohort(name).shown}: nothing was measured of {listed(absent)}.")
        modalities = set(here.modality)
        if len(here) and modalities != set(MODALITIES):
            texts.append(f"{experiment.cohort(name).shown} has {listed(sorted(modalities))} alone.")
    if experiment.segmentation.engine == "none":
        texts.append("No segmentation engine was run: Dice and regional volumes are empty.")
    if not (cells.metric == "accuracy").any():
        texts.append("Sex could not be probed: there are too few subjects, or all training subjects are of one sex.")
    return texts


def trained_for(experiment: Experiment, table: pd.DataFrame, took: pd.DataFrame) -> str:
    """What each training saw and took."""
    if not len(table):
        return ""
    notes = "".join(f'<p class="note">{html.escape(note)}</p>' for note in budgets.notes(experiment, table))
    return f"<h2>Training budgets</h2>{small_table(budgets.shown(experiment, table, took))}{notes}"


def varied(experiment: Experiment, took: pd.DataFrame) -> str:
    """How much reconstructions depend on the subject."""
    if not variation.modalities(took):
        return ""
    return (
        f"<h2>Spread between subjects</h2>{small_table(variation.shown(experiment, took))}"
        '<p class="note">Standard deviation between test subjects of the reconstructions, voxel by voxel within the '
        "brain, as a share of that of the originals. 1: they vary as much; 0: everybody gets the same picture, as from "
        "the mean image. Empty where there are fewer than two subjects.</p>"
    )


def listed(words: list[str]) -> str:
    """Words as a list in a sentence: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def stand_ins(experiment: Experiment) -> str:
    """What stands in for something else, marked so that nobody misses it; or that nothing does."""
    texts = []
    embedded = [cohort.shown for cohort in experiment.cohorts if cohort.embedded]
    if embedded:
        are = "are embedded cohorts" if len(embedded) > 1 else "is an embedded cohort"
        texts.append(
            f"Stand-in: {listed(embedded)} {are}, made by the workflow itself from one template; no person was "
            "scanned. The numbers show that the path works and say nothing about the paper."
        )
    if experiment.segmentation.engine == "standin":
        texts.append(
            "Stand-in: Dice and regional volumes come from an atlas of the training subjects, not from SynthSeg."
        )
    others = [cohort.shown for cohort in experiment.cohorts if not cohort.embedded and not cohort.stands_for]
    if others:
        which = "are none" if len(others) > 1 else "isn't one"
        texts.append(
            f"{listed(others)} {which} of the paper's cohorts: numbers measured there can't be held "
            "against the paper's."
        )
    if not texts:
        return "<p>Nothing here is a stand-in.</p>"
    return "".join(f'<p class="note standin">{html.escape(text)}</p>' for text in texts)


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


def people(experiment: Experiment, cohorts: Cohorts) -> str:
    """A line a cohort, and what the proof of the split comes down to."""
    parts = []
    for cohort, sessions, excluded, proof in zip(
        experiment.cohorts, cohorts.sessions, cohorts.excluded, cohorts.proofs, strict=True
    ):
        parts.append(f"<p><b>{html.escape(cohort.shown)}</b>: {counted(sessions, excluded)}</p>{proven(proof)}")
    parts.append(between(cohorts.apart))
    return "".join(parts) + f"<p>Reasons and splits: {link('report/people.html', 'cohorts and exclusions')}.</p>"


def leader(experiment: Experiment, cells: pd.DataFrame, test: pd.Series) -> str:
    """One sentence on who leads in PSNR."""
    here = cells[(cells.cohort == test.cohort) & (cells.modality == test.modality) & (cells.metric == "psnr")]
    best = here[here.model == test.model].iloc[0]
    verdict = "a significant lead" if test.p_holm < 0.05 else "not a significant lead"
    place = f"{experiment.cohort(test.cohort).shown}, {test.modality}"
    if sum(map(bool, by_group(experiment, experiment.table1.rows).values())) > 1:
        place += f", {DID[experiment.row(test.model).group]}"
    level = f"{experiment.statistics.confidence:.0%} interval"
    if pd.isna(best.ci_low):
        first = experiment.row(test.model).shown
        return f"{place}: {first} has the highest PSNR, {best.value:.2f} dB, on one subject or family alone."
    value = f"{best.value:.2f} dB ({level} {best.ci_low:.2f} to {best.ci_high:.2f})"
    second = experiment.row(test.against).shown
    between = "" if pd.isna(test.ci_low) else f" ({test.ci_low:+.2f} to {test.ci_high:+.2f})"
    tested = "not tested" if pd.isna(test.p_holm) else f"p = {test.p_holm:.2g}"
    return (
        f"{place}: {experiment.row(test.model).shown} has the highest PSNR, {value}, "
        f"{test.difference:+.2f} dB{between} to {second}: {verdict} ({tested}, {best.n_subjects:.0f} subjects)."
    )


def truth_sentence(truth: Path) -> str:
    """Dice of the segmentation of the originals against ground truth, in words."""
    table = read_numbers("dice_truth", truth, "dice", "nsd").dropna(subset="dice")
    table = table[table.structure == "mean"]
    if not len(table):
        return "It can't be said: no ground-truth label maps, no engine, or a table of scores without numbers."
    means = table.groupby("modality").dice.mean()
    scores = " and ".join(f"{value:.3f} on {name}" for name, value in means.items())
    engine = next(iter(set(table.stand_in) - {""}), "SynthSeg")
    return f"Against ground truth, the segmentations of the originals by the {engine} reach a mean Dice of {scores}."

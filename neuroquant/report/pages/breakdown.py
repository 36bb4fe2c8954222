"""Breakdown by structure and group: structures, volumes, groups of subjects, worst images, synthesis, codebooks."""

import html
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.contents import entry
from neuroquant.report.html import page
from neuroquant.report.pages.breakdown_sections import (
    codebook_section,
    error_section,
    group_section,
    metric_section,
    structure_section,
    synthesis_section,
    volume_section,
    worst_section,
)
from neuroquant.report.pages.disentanglement import disentanglement_section
from neuroquant.statistics.agreement import agreement, differences, errors_by_structure, structures
from neuroquant.statistics.cells import EXTRA, write_csv
from neuroquant.statistics.choice import WORST, leading_model, worst_images
from neuroquant.statistics.codebook import codebook
from neuroquant.statistics.disentanglement import read_disentanglement
from neuroquant.statistics.groups import groups, with_people
from neuroquant.statistics.numbers import read_numbers
from neuroquant.statistics.scores import ScoreFiles, load_scores
from neuroquant.statistics.synthesis import synthesis
from neuroquant.statistics.trainings import first_trainings

TABLES = ("agreement", "structures", "structure_errors", "groups", "synthesis", "codebook")
"""Tables of numbers that the page shows; each is written as CSV."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Scores and what was computed of them.

    Attributes
    ----------
    scores : ScoreFiles
        The gathered tables of scores.
    disentanglement, errors : Path
        Gathered, too; the latter are those of structures.
    cells : DataFrame
        As `cells.cells` gives them.
    sessions : dict of str to Path
        Cohort -> sessions.tsv.
    synthesis, codes : list of Path
        The tables of all shards.
    """

    scores: ScoreFiles
    disentanglement: Path
    errors: Path
    cells: pd.DataFrame
    sessions: dict[str, Path]
    synthesis: list[Path]
    codes: list[Path]


def write_breakdown(experiment: Experiment, sources: Sources, csv: dict[str, Path], view: Path) -> None:
    """Write each of `TABLES` as CSV, and all with the worst reconstructions as a page.

    What isn't there, because no engine was run or no model has it, is an empty table and a sentence.
    """
    scores = with_people(load_scores(experiment, sources.scores), sources.sessions)
    dice = read_numbers("dice", sources.scores.dice, "dice", "nsd")
    regions = read_numbers("regions", sources.scores.regions, "mm3")
    tables = {
        "agreement": agreement(differences(first_trainings(experiment, regions))),
        "structures": structures(experiment, dice, sources.cells),
        "structure_errors": errors_by_structure(
            experiment, read_numbers("structure_errors", sources.errors, "mae", "psnr")
        ),
        "groups": groups(experiment, scores),
        "synthesis": synthesis(experiment, sources.synthesis),
        "codebook": codebook(experiment, sources.codes),
    }
    for name, table in tables.items():
        write_csv(table, csv[name])
    disentanglement = read_disentanglement(sources.disentanglement)
    write_text(view, as_page(experiment, tables, scores, sources.cells, disentanglement))


def as_page(
    experiment: Experiment,
    tables: dict[str, pd.DataFrame],
    scores: pd.DataFrame,
    cells: pd.DataFrame,
    disentanglement: pd.DataFrame,
) -> str:
    """All of it in words and tables."""
    labels = {entry.name: entry.shown for entry in experiment.shown_models} | EXTRA
    order = {name: number for number, name in enumerate(labels)}
    tables = {
        name: table[table.model.isin(labels)].sort_values("model", key=lambda names: names.map(order), kind="stable")
        for name, table in tables.items()
    }
    leading = leading_model(experiment)
    sections = [
        ("Structures", structure_section(experiment, tables["structures"], labels)),
        ("Errors by structure", error_section(experiment, tables["structure_errors"], labels)),
        ("Further metrics", metric_section(experiment, cells[cells.model.isin(labels)], labels)),
        ("Agreement of regional volumes", volume_section(experiment, tables["agreement"], labels)),
        ("Groups of subjects", group_section(experiment, tables["groups"], scores, labels)),
        (
            f"The {WORST} worst reconstructions of {labels[leading]}",
            worst_section(experiment, worst_images(scores, leading)),
        ),
        ("Cross-modal synthesis", synthesis_section(experiment, tables["synthesis"], cells, labels)),
        ("Disentanglement of anatomy and appearance", disentanglement_section(experiment, disentanglement, labels)),
        ("Codebooks", codebook_section(experiment, tables["codebook"], labels)),
    ]
    title = entry("breakdown").title.capitalize()
    parts = [f"<h2>{html.escape(heading)}</h2>{text}" for heading, text in sections]
    return page(title, f"<h1>{title}</h1>{''.join(parts)}")

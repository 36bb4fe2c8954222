"""Who was in, who was excluded and why, and the proof that no subject, family or image is in two splits."""

import html
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv, write_text
from neuroquant.report.html import page, small_table
from neuroquant.statistics.cells import write_csv
from neuroquant.statistics.people import (
    CohortTables,
    exclusions,
    kept,
    not_looked_at,
    shared_between_cohorts,
    shared_between_splits,
)

DIGITS = {"female_share": 3, "mean_age": 2, "sex_effect": 3, "age_effect": 3, "published_sex_effect": 3}
"""Digits of the columns of a proof of splits that are numbers."""
EXTERNAL = "<p>An external cohort: all subjects are test subjects, and no model of this run trains on any.</p>"
UNSEEN = {"entries": "files, folders or rows", "files": "scan-like files in them"}
"""Headings of the counts of what wasn't looked at."""


def write_people(experiment: Experiment, cohorts: CohortTables, out_csv: Path, out: Path) -> None:
    """Write the table of exclusions (CSV, without names), and all of it as a page."""
    table = exclusions(experiment, cohorts)
    write_csv(table, out_csv)
    body = ["<h1>Cohorts, exclusions and splits</h1>"]
    paths = zip(cohorts.sessions, cohorts.excluded, cohorts.proofs, cohorts.unseen, strict=True)
    for cohort, (sessions, excluded, proof, unseen) in zip(experiment.cohorts, paths, strict=True):
        here = table[table.cohort == cohort.name].drop(columns="cohort")
        body += [
            f"<h2>{html.escape(cohort.shown)}</h2><p>{counted(sessions, excluded)}</p>",
            excluded_section(here, excluded, cohort.name, experiment.report.identifiable),
            unseen_section(unseen, cohort.name, experiment.report.identifiable),
            "<h3>Splits</h3>",
            EXTERNAL * cohort.external,
            split_table(proof),
            proven(proof),
        ]
    body.append(between(cohorts.apart))
    write_text(out, page("Cohorts", "".join(body)))


def excluded_section(counts: pd.DataFrame, excluded: Path, cohort: str, identifiable: bool) -> str:
    """Exclusions of one cohort by reason, and who where that may be shown; nothing where there are none."""
    if not len(counts):
        return ""
    who = f"<p>The sessions are named in <code>cohorts/{cohort}/excluded.tsv</code> beside the results.</p>"
    if identifiable:
        who = small_table(read_tsv(excluded), wrap=True)
    return f"<h3>Excluded</h3>{small_table(counts, wrap=True)}{who}"


def unseen_section(unseen: Path, cohort: str, identifiable: bool) -> str:
    """What of a cohort's folder and tables belongs to no session, by reason; nothing where there is nothing."""
    counts = not_looked_at(unseen)
    if not len(counts):
        return ""
    which = f"<p>They are named in <code>cohorts/{cohort}/index/not_looked_at.tsv</code> beside the results.</p>"
    if identifiable:
        which = small_table(read_tsv(unseen), wrap=True)
    return (
        "<h3>Not looked at</h3><p>Files, folders and rows of the participants table that belong to no session. They "
        "were neither used nor excluded.</p>" + small_table(counts.rename(columns=UNSEEN), wrap=True) + which
    )


def counted(sessions: Path, excluded: Path) -> str:
    """One sentence of counts."""
    count = kept(sessions, excluded)
    sexes = f" ({count.female} female, {count.male} male)" if count.sessions else ""
    return (
        f"{count.sessions} sessions of {count.subjects} subjects{sexes} were kept. Sessions excluded: {count.excluded}."
    )


def split_table(proof: Path) -> str:
    """Counts, sex and age of each split."""
    shown = read_tsv(proof, tuple(DIGITS)).drop(columns="splits_sha256").round(DIGITS)
    shown["published_female_share"] = [f"{float(share):.3f}" if share else "" for share in shown.published_female_share]
    if external := not shown[shown.split == "train"].sessions.astype(int).any():
        shown = shown[shown.split == "test"].drop(columns=["sex_effect", "age_effect"])
    if (shown.published_female_share == "").all():
        shown = shown.drop(columns=[name for name in shown if name.startswith("published_")])
    note = "<p>Effect sizes against the training split: Cohen's h of the female share, d of age.</p>"
    return small_table(shown.astype(str).replace("nan", "")) + ("" if external else note)


def proven(proof: Path) -> str:
    """The sentence that the proof comes down to, and the hash of who is where."""
    shared = shared_between_splits(proof)
    text = "No subject, family or image (by the hash of its voxels) is in more than one split."
    if shared:
        text = f"In more than one split: {shared} subjects, families or images (by the hash of their voxels)."
    digest = read_tsv(proof).splits_sha256.iloc[0]
    return (
        f'<p class="{"bad" if shared else "ok"}">{text}</p>'
        f"<p>SHA-256 of <code>splits.tsv</code>: <code>{digest}</code></p>"
    )


def between(apart: Path) -> str:
    """What cohorts have in common; nothing with a single cohort."""
    common = shared_between_cohorts(apart)
    if common is None:
        return ""
    shared, crossed = common
    kind = "ok" if crossed == 0 else "bad"
    return f'<p class="{kind}">Images that two cohorts have in common: {shared}; in different splits: {crossed}.</p>'

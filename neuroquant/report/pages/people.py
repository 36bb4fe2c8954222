"""Who was in, who was left out and why, and the proof that no subject or family is in two splits."""

import html
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.errors import kind_of
from neuroquant.files import read_tsv, write_text
from neuroquant.report.html import page, small_table
from neuroquant.statistics.cells import write_csv

EXCLUSIONS = ["cohort", "reason", "sessions", "subjects"]
SHARED = ("subjects_shared", "families_shared", "images_shared")


@dataclass(frozen=True)
class Cohorts:
    """Tables of each cohort, in the experiment's order, and what cohorts have in common."""

    sessions: list[Path]
    excluded: list[Path]
    proofs: list[Path]
    apart: Path


def write_people(experiment: Experiment, cohorts: Cohorts, out_csv: Path, out: Path) -> None:
    """Write the table of exclusions (CSV, without names), and all of it as a page."""
    table = exclusions(experiment, cohorts)
    write_csv(table, out_csv)
    body = ["<h1>Who was in, and who was left out</h1>"]
    for cohort, facts in zip(experiment.cohorts, zip(*columns_of(cohorts), strict=True), strict=True):
        sessions, excluded, proof = facts
        body.append(f"<h2>{html.escape(cohort.shown)}</h2><p>{counted(sessions, excluded)}</p>")
        here = table[table.cohort == cohort.name].drop(columns="cohort")
        if len(here):
            body += ["<h3>Left out</h3>", small_table(here, wrap=True)]
            if experiment.report.identifiable:
                body.append(small_table(read_tsv(excluded), wrap=True))
            else:
                body.append(f"<p>Who: <code>cohorts/{cohort.name}/excluded.tsv</code> beside the results.</p>")
        body += ["<h3>Splits</h3>", split_table(proof), proven(proof)]
    body.append(between(cohorts.apart))
    write_text(out, page("Cohorts", "".join(body)))


def columns_of(cohorts: Cohorts) -> tuple[list[Path], list[Path], list[Path]]:
    """Sessions, exclusions and proofs."""
    return cohorts.sessions, cohorts.excluded, cohorts.proofs


def exclusions(experiment: Experiment, cohorts: Cohorts) -> pd.DataFrame:
    """Sessions and subjects that each reason cost each cohort; what a reason says of one file is cut off."""
    parts = [pd.DataFrame(columns=EXCLUSIONS)]
    for cohort, path in zip(experiment.cohorts, cohorts.excluded, strict=True):
        dropped = read_tsv(path)
        if len(dropped):
            dropped["reason"] = dropped.reason.map(kind_of)
            counts = dropped.groupby("reason").agg(sessions=("session", "size"), subjects=("subject", "nunique"))
            counts = counts.sort_values("sessions", ascending=False, kind="stable").reset_index()
            parts.append(counts.assign(cohort=cohort.name)[EXCLUSIONS])
    return pd.concat(parts[1:], ignore_index=True) if len(parts) > 1 else parts[0]


def counted(sessions: Path, excluded: Path) -> str:
    """One sentence of counts."""
    kept, dropped = read_tsv(sessions), read_tsv(excluded)
    sexes = kept.drop_duplicates("subject").sex.value_counts()
    told = f" ({sexes.get('F', 0)} female, {sexes.get('M', 0)} male)" if len(kept) else ""
    return (
        f"{len(kept)} sessions of {kept.subject.nunique()} subjects{told} were kept, {len(dropped)} sessions left out."
    )


def split_table(proof: Path) -> str:
    """Counts, sex and age of each split."""
    digits = {"female_share": 3, "mean_age": 2, "sex_effect": 3, "age_effect": 3, "published_sex_effect": 3}
    table = read_tsv(proof, tuple(digits))
    shown = table.drop(columns="splits_sha256").round(digits)
    shown["published_female_share"] = [f"{float(share):.3f}" if share else "" for share in shown.published_female_share]
    if (shown.published_female_share == "").all():
        shown = shown.drop(columns=[name for name in shown if name.startswith("published_")])
    note = "<p>Effect sizes against the training split: Cohen's h of the female share, d of age.</p>"
    return small_table(shown.astype(str).replace("nan", "")) + note


def proven(proof: Path) -> str:
    """The sentence that the proof comes down to, and the hash of who is where."""
    table = read_tsv(proof)
    shared = sum(int(table[name].astype(int).sum()) for name in SHARED)
    kind = "ok" if shared == 0 else "bad"
    told = f'<p class="{kind}">Subjects, families and images (by the hash of their voxels) in two splits: {shared}.</p>'
    return told + f"<p>SHA-256 of <code>splits.tsv</code>: <code>{table.splits_sha256.iloc[0]}</code></p>"


def between(apart: Path) -> str:
    """What cohorts have in common; nothing where there is one alone."""
    table = read_tsv(apart)
    if not len(table):
        return ""
    shared, crossed = table.images_shared.astype(int).sum(), table.splits_crossed.astype(int).sum()
    kind = "ok" if crossed == 0 else "bad"
    return f'<p class="{kind}">Images that two cohorts have in common: {shared}; in different splits: {crossed}.</p>'

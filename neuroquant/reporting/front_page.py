"""The report's front page: in words and one table, what was run on what, what came out, and what is a stand-in."""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv, write_text
from neuroquant.reporting.pages import page, paragraphs, small_table
from neuroquant.reporting.tables import Costs, html_table, lay_out


@dataclass(frozen=True)
class Cohorts:
    """Tables of each cohort, in the experiment's order, and what cohorts have in common."""

    sessions: list[Path]
    excluded: list[Path]
    proofs: list[Path]
    apart: Path


def write(
    experiment: Experiment,
    tables: dict[str, tuple[Path, Path]],
    costs: Costs,
    truth: Path,
    cohorts: Cohorts,
    benchmarks: Path,
    provenance: dict[str, Any],
    out: Path,
) -> None:
    """Write one self-contained page: no script, no request.

    Parameters
    ----------
    tables : "table1" and "table2" -> (tidy table, tests).
    costs : as `tables.read_costs` gives them.
    truth : Dice of the segmenter against ground truth.
    benchmarks : Snakemake's benchmark files, for the time a stage took.
    """
    cells, tests = pd.read_csv(tables["table1"][0]), pd.read_csv(tables["table1"][1])
    sheet = lay_out(experiment, "table1", cells, tests, costs)
    parts = [
        f"<h1>{html.escape(experiment.report.title)}</h1>",
        paragraphs(in_words(experiment, cells, tests)),
        html_table(sheet),
        "<h2>Who was in, and who was left out</h2>",
        cohort_section(experiment, cohorts),
        "<h2>How good the segmenter is</h2>",
        paragraphs([truth_sentence(truth)]),
        "<h2>Where the time went</h2>",
        timings(benchmarks),
        "<h2>What made this</h2>",
        made_by(experiment, provenance),
    ]
    write_text(out, page(experiment.report.title, "".join(parts)))


def in_words(experiment: Experiment, cells: pd.DataFrame, tests: pd.DataFrame) -> list[str]:
    """What was run on what, and the main result."""
    names = ", ".join(experiment.row(row).shown for row in experiment.table1.rows)
    cohorts = " and ".join(experiment.cohort(cohort).shown for cohort in experiment.table1.cohorts)
    size = " x ".join(map(str, experiment.volume.shape))
    first = f"{names} were trained on volumes of {size} voxels and compared on the test subjects of {cohorts}."
    leads = tests[(tests.metric == "psnr") & (tests["rank"] == 1)]
    texts = [first, *(leader(experiment, cells, test) for _, test in leads.iterrows())]
    stand_ins = [c.shown for c in experiment.cohorts if c.embedded]
    if stand_ins:
        texts.append(
            f"Stand-in: {' and '.join(stand_ins)} are embedded cohorts, made by the workflow itself from one "
            "template; no person was scanned. The numbers show that the path works and say nothing about the paper."
        )
    if experiment.segmentation.engine == "standin":
        texts.append("Stand-in: Dice and regional volumes come from a small network trained here, not from SynthSeg.")
    if experiment.segmentation.engine == "none":
        texts.append("No segmentation engine was run: Dice and regional volumes are empty.")
    if not (cells.metric == "accuracy").any():
        texts.append("Sex could not be probed: there are too few subjects, or all training subjects are of one sex.")
    return texts


def leader(experiment: Experiment, cells: pd.DataFrame, test: pd.Series) -> str:
    """One sentence on who leads in PSNR."""
    here = cells[(cells.cohort == test.cohort) & (cells.modality == test.modality) & (cells.metric == "psnr")]
    best = here[here.model == test.model].iloc[0]
    verdict = "a significant lead" if test.p_holm < 0.05 else "not a significant lead"
    place = f"{experiment.cohort(test.cohort).shown}, {test.modality}"
    value = f"{best.value:.2f} dB (95 % interval {best.ci_low:.2f} to {best.ci_high:.2f})"
    second = experiment.row(test.against).shown
    return (
        f"{place}: {experiment.row(test.model).shown} has the highest PSNR, {value}, "
        f"{test.difference:+.2f} dB ({test.ci_low:+.2f} to {test.ci_high:+.2f}) to {second}: {verdict} "
        f"(p = {test.p_holm:.2g}, {best.n_subjects:.0f} subjects)."
    )


def cohort_section(experiment: Experiment, cohorts: Cohorts) -> str:
    """Counts, reasons and the proof of the split, cohort by cohort."""
    parts = []
    for cohort, sessions, excluded, proof in zip(
        experiment.cohorts, cohorts.sessions, cohorts.excluded, cohorts.proofs, strict=True
    ):
        kept, dropped = read_tsv(sessions), read_tsv(excluded)
        parts.append(
            f"<p><b>{html.escape(cohort.shown)}</b>: {len(kept)} sessions of {kept.subject.nunique()} subjects kept, "
            f"{len(dropped)} sessions excluded.</p>"
        )
        if len(dropped):
            reasons = dropped.assign(reason=dropped.reason.str.split(r" \(|;", regex=True).str[0])
            counts = reasons.reason.value_counts().rename_axis("reason").reset_index(name="sessions")
            parts.append(small_table(counts))
            if experiment.report.identifiable:
                parts.append(small_table(dropped))
        table = read_tsv(proof, ("female_share", "mean_age", "sex_effect", "age_effect", "published_sex_effect"))
        counts = ("subjects_shared", "families_shared", "images_shared")
        shared = sum(int(table[name].astype(int).sum()) for name in counts)
        fingerprint = table.splits_sha256.iloc[0]
        shown = table.drop(columns="splits_sha256").round(
            {"female_share": 3, "mean_age": 2, "sex_effect": 3, "age_effect": 3, "published_sex_effect": 3}
        )
        if (shown.published_female_share == "").all():
            shown = shown.drop(columns=[name for name in shown if name.startswith("published_")])
        parts.append(small_table(shown.astype(str).replace("nan", "")))
        parts.append(
            f'<p class="ok">Subjects, families and images (by the hash of their voxels) in two splits: {shared}.</p>'
            f"<p>Effect sizes against the training split: Cohen's h of the female share, d of age. SHA-256 of "
            f"cohorts/{cohort.name}/splits.tsv: <code>{fingerprint}</code></p>"
        )
    apart = read_tsv(cohorts.apart)
    if len(apart):
        shared, crossed = apart.images_shared.astype(int).sum(), apart.splits_crossed.astype(int).sum()
        parts.append(
            f'<p class="ok">Images that two cohorts have in common: {shared}; in different splits: {crossed}.</p>'
        )
    return "".join(parts)


def truth_sentence(truth: Path) -> str:
    """Dice of the segmentation of the originals against ground truth, in words."""
    table = read_tsv(truth, ("dice",))
    table = table[table.structure == "mean"]
    if not len(table):
        return "No ground-truth label maps, or no engine: it can't be said."
    means = table.groupby("modality").dice.mean()
    scores = " and ".join(f"{value:.3f} on {name}" for name, value in means.items())
    engine = next(iter(set(table.stand_in) - {""}), "SynthSeg")
    return f"Against ground truth, the segmentations of the originals by the {engine} reach a mean Dice of {scores}."


def timings(folder: Path) -> str:
    """Jobs and hours of each rule, from Snakemake's benchmark files."""
    rows = []
    for rule in sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []:
        seconds = [pd.read_csv(file, sep="\t").s.sum() for file in sorted(rule.glob("*.tsv"))]
        if seconds:
            rows.append({"rule": rule.name, "jobs": len(seconds), "minutes": round(sum(seconds) / 60, 2)})
    table = pd.DataFrame(rows, columns=["rule", "jobs", "minutes"]).sort_values("minutes", ascending=False)
    return small_table(table)


def made_by(experiment: Experiment, provenance: dict[str, Any]) -> str:
    """Versions, hashes and the command."""
    facts = {key: value for key, value in provenance.items() if not isinstance(value, dict)}
    packages = ", ".join(f"{name} {number}" for name, number in provenance["packages"].items())
    command = f"snakemake --cores all --configfile results/{experiment.experiment}/config.yaml all"
    table = pd.DataFrame({"what": [*facts, "packages"], "value": [*facts.values(), packages]})
    return (
        small_table(table, wrap=True) + f"<p>To reproduce, in a checkout of that commit:</p><pre>{command}</pre>"
        "<p>Method and published values: Li, Kim, Zhao, Adeli, Pohl, arXiv:2604.05171.</p>"
    )

"""Behind the means: agreement of regional volumes, groups of subjects, and the worst reconstructions."""

import html
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.evaluation.statistics import cluster_bootstrap
from neuroquant.files import read_tsv, write_text
from neuroquant.reporting.figure4 import REFERENCE, REGIONS
from neuroquant.reporting.pages import page, small_table
from neuroquant.reporting.summarise import write_csv

AGREEMENT = ["cohort", "model", "modality", "region", "images", "reference_ml", "bias_ml", "low_ml", "high_ml", "icc"]
GROUPS = ["cohort", "model", "modality", "group", "subjects", "psnr", "psnr_low", "psnr_high"]
WORST = 10


def write_breakdown(
    experiment: Experiment, regions: Path, fidelity: Path, sessions: dict[str, Path], csv: list[Path], view: Path
) -> None:
    """Write agreement and groups as CSV, and both with the worst reconstructions as a page.

    Parameters
    ----------
    sessions : cohort -> sessions.tsv.
    csv : where agreement and groups go.
    """
    agreed = agreement(read_tsv(regions, ("mm3",)))
    scores = load_psnr(experiment, fidelity, sessions)
    grouped = groups(experiment, scores)
    write_csv(agreed, csv[0])
    write_csv(grouped, csv[1])
    write_text(view, as_page(experiment, agreed, grouped, scores))


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Bias, 95 % limits of agreement (Bland and Altman 1986) and ICC(A,1) of every region, against the originals."""
    keys, rows = ["cohort", "subject", "session", "modality", "region"], []
    truth = table[table.model == REFERENCE][[*keys, "mm3"]]
    both = table[table.model != REFERENCE].merge(truth, on=keys, suffixes=("", "_reference"))
    for names, part in both.groupby(["cohort", "model", "modality", "region"], sort=False):
        mine, reference = part.mm3.to_numpy() / 1000, part.mm3_reference.to_numpy() / 1000
        difference = mine - reference
        spread = 1.96 * difference.std(ddof=1) if len(part) > 1 else float("nan")
        bias = difference.mean()
        rows.append([*names, len(part), reference.mean(), bias, bias - spread, bias + spread, icc(mine, reference)])
    return pd.DataFrame(rows, columns=AGREEMENT)


def icc(one: np.ndarray, two: np.ndarray) -> float:
    """ICC(A,1): absolute agreement of single measurements, two-way model (McGraw and Wong 1996); nan below 3 pairs.

    Parameters
    ----------
    one, two : the two measurements (N,) of each case.
    """
    count = len(one)
    if count < 3:
        return float("nan")
    values = np.stack([one, two], axis=1)
    grand, cases, raters = values.mean(), values.mean(1), values.mean(0)
    between_cases = 2 * ((cases - grand) ** 2).sum() / (count - 1)
    between_raters = count * ((raters - grand) ** 2).sum()
    rest = ((values - cases[:, None] - raters[None] + grand) ** 2).sum() / (count - 1)
    whole = between_cases + rest + 2 * (between_raters - rest) / count
    return float((between_cases - rest) / whole) if whole > 0 else float("nan")


def load_psnr(experiment: Experiment, fidelity: Path, sessions: dict[str, Path]) -> pd.DataFrame:
    """PSNR of every test image over the configured region, with sex and age (nan where unknown)."""
    scores = read_tsv(fidelity, ("value",))
    scores = scores[(scores.metric == "psnr") & (scores.region == experiment.fidelity.region)]
    people = pd.concat([read_tsv(path).assign(cohort=name) for name, path in sessions.items()])
    keys = ["cohort", "subject", "session"]
    scores = scores.merge(people[[*keys, "sex", "age"]], on=keys)
    scores["age"] = pd.to_numeric(scores["age"].replace("", None))
    return scores.assign(cluster=scores.family.where(scores.family != "", scores.subject))


def groups(experiment: Experiment, scores: pd.DataFrame) -> pd.DataFrame:
    """Mean PSNR with its interval by sex, and below and above the median age."""
    rows = []
    for (cohort, model, modality), part in scores[np.isfinite(scores["value"])].groupby(
        ["cohort", "model", "modality"], sort=False
    ):
        middle = part.age.median()
        named = {f"sex {sex}": part[part.sex == sex] for sex in ("F", "M")}
        if part.age.nunique() > 1:
            named[f"age up to {middle:.1f}"] = part[part.age <= middle]
            named[f"age above {middle:.1f}"] = part[part.age > middle]
        for name, group in named.items():
            if len(group):
                found = cluster_bootstrap(group["value"], group["cluster"], experiment.statistics)
                facts = [cohort, model, modality, name, group.subject.nunique()]
                rows.append([*facts, found.value, found.low, found.high])
    return pd.DataFrame(rows, columns=GROUPS)


def worst(experiment: Experiment, scores: pd.DataFrame, model: str) -> pd.DataFrame:
    """The images that a model reconstructs worst; subjects by number unless the report may name them."""
    mine = scores[scores.model == model].sort_values("value").head(WORST)
    names = {name: f"test subject {number + 1}" for number, name in enumerate(sorted(set(scores.subject)))}
    who = mine.subject + " " + mine.session if experiment.report.identifiable else mine.subject.map(names)
    age = mine.age.map(lambda years: "" if pd.isna(years) else f"{years:.1f}")
    cohorts = mine.cohort.map(lambda name: experiment.cohort(name).shown)
    facts = {"cohort": cohorts, "who": who, "modality": mine.modality, "sex": mine.sex, "age": age}
    return pd.DataFrame(facts | {"PSNR, dB": mine["value"].map("{:.2f}".format)})


def as_page(experiment: Experiment, agreed: pd.DataFrame, grouped: pd.DataFrame, scores: pd.DataFrame) -> str:
    """All of it in words and tables; of the regions those of figure 4."""
    label = {row.name: row.shown for row in experiment.models}
    agreed, grouped = (
        table.sort_values("model", key=lambda names: names.map(list(label).index), kind="stable")
        for table in (agreed, grouped)
    )
    parts = ["<h1>Behind the means</h1><h2>Agreement of regional volumes</h2>"]
    here = agreed[agreed.region.isin(REGIONS)]
    parts.append(
        "<p>Volumes in reconstructions against those in their originals, by the same engine: mean difference with the "
        "95 % limits of agreement, and ICC(A,1). Every region is in <code>numbers/agreement.csv</code>.</p>"
        if len(here) else "<p>No segmentation engine was run.</p>"
    )  # fmt: skip
    for cohort, part in here.groupby("cohort", sort=False):
        limits = part.apply(lambda row: f"{row.bias_ml:+.2f} ({row.low_ml:+.2f} to {row.high_ml:+.2f})", axis=1)
        shown = {
            "model": part.model.map(label), "modality": part.modality, "region": part.region.map(REGIONS),
            "original, ml": part.reference_ml.map("{:.2f}".format), "difference, ml": limits,
            "ICC": part.icc.map(lambda value: "–" if pd.isna(value) else f"{value:.2f}"),
        }  # fmt: skip
        parts += [f"<h3>{html.escape(experiment.cohort(cohort).shown)}</h3>", small_table(pd.DataFrame(shown))]
    parts.append("<h2>Groups of subjects</h2><p>Mean PSNR in dB by sex and age, with 95 % intervals.</p>")
    for cohort, part in grouped.groupby("cohort", sort=False):
        value = part.apply(lambda row: f"{row.psnr:.2f} ({row.psnr_low:.2f}–{row.psnr_high:.2f})", axis=1)
        table = part.assign(model=part.model.map(label), value=value + part.subjects.map(" [{}]".format))
        wide = table.pivot_table("value", ["model", "modality"], "group", aggfunc="first", sort=False).reset_index()
        parts += [f"<h3>{html.escape(experiment.cohort(cohort).shown)}</h3>", small_table(wide.fillna("–"))]
    parts.append("<p>In square brackets: subjects.</p>")
    leading = next((row for row in experiment.table1.rows if experiment.row(row).architecture == "neuroquant"), None)
    leading = leading or experiment.table1.rows[0]
    parts.append(f"<h2>The {WORST} worst reconstructions of {html.escape(label[leading])}</h2>")
    parts.append(small_table(worst(experiment, scores, leading)))
    return page("Behind the means", "".join(parts))

"""Behind the means: structures, volumes, groups of subjects, worst images, synthesis, disentanglement, codebooks."""

import html
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.html import by_cohort, page, ranged, small_table
from neuroquant.report.pages.disentanglement import disentanglement_section
from neuroquant.statistics.agreement import REGIONS, agreement, structures
from neuroquant.statistics.cells import EXTRA, load_scores, write_csv
from neuroquant.statistics.codebook import codebook
from neuroquant.statistics.disentanglement import read_disentanglement
from neuroquant.statistics.groups import WAYS, WORST, groups, missing, with_people, worst
from neuroquant.statistics.numbers import read_numbers
from neuroquant.statistics.synthesis import synthesis

KINDS = {"mean": "all", "cortical": "cortical", "subcortical": "subcortical", "ventricles": "ventricles",
         "white matter": "white matter"}  # fmt: skip
LOOKS = {
    "paired": "appearance of the other image itself",
    "typical": "typical appearance of training images",
    "source": "no model: the source image",
}
METRICS = {"psnr": "PSNR, dB", "ssim": "SSIM, %", "dice": "Dice, %", "accuracy": "accuracy, %"}
TABLES = ("agreement", "structures", "groups", "synthesis", "codebook")


@dataclass(frozen=True)
class Sources:
    """Gathered scores; `synthesis` and `codes` are the tables of all shards, `sessions` those of all cohorts."""

    regions: Path
    fidelity: Path
    dice: Path
    predictions: Path
    sessions: dict[str, Path]
    synthesis: list[Path]
    codes: list[Path]
    disentanglement: Path


def write_breakdown(experiment: Experiment, sources: Sources, csv: dict[str, Path], view: Path) -> None:
    """Write each of `TABLES` as CSV, and all with the worst reconstructions as a page.

    What isn't there, as no engine was run or no model has it, is an empty table and a sentence.
    """
    numbers = load_scores(experiment, sources.fidelity, sources.dice, sources.predictions)
    scores = with_people(numbers, sources.sessions)
    made = {
        "agreement": agreement(read_numbers("regions", sources.regions, "mm3")),
        "structures": structures(experiment, read_numbers("dice", sources.dice, "dice", "nsd")),
        "groups": groups(experiment, scores),
        "synthesis": synthesis(experiment, sources.synthesis),
        "codebook": codebook(experiment, sources.codes),
    }
    for name, table in made.items():
        write_csv(table, csv[name])
    write_text(view, as_page(experiment, made, scores, read_disentanglement(sources.disentanglement)))


def as_page(
    experiment: Experiment, made: dict[str, pd.DataFrame], scores: pd.DataFrame, disentanglement: pd.DataFrame
) -> str:
    """All of it in words and tables."""
    label = {row.name: row.shown for row in experiment.models} | EXTRA
    made = {
        name: table[table.model.isin(label)].sort_values(
            "model", key=lambda names: names.map([*label].index), kind="stable"
        )
        for name, table in made.items()
    }
    leading = next((row for row in experiment.table1.rows if experiment.row(row).architecture == "neuroquant"), None)
    leading = leading or experiment.table1.rows[0]
    sections = [
        ("Structures", structure_section(experiment, made["structures"], label)),
        ("Agreement of regional volumes", volume_section(experiment, made["agreement"], label)),
        ("Groups of subjects", group_section(experiment, made["groups"], scores, label)),
        (f"The {WORST} worst reconstructions of {label[leading]}", worst_section(experiment, scores, leading)),
        ("One modality made of the other", synthesis_section(experiment, made["synthesis"], scores, label)),
        ("Anatomy and appearance apart", disentanglement_section(experiment, disentanglement, label)),
        ("Codebooks", codebook_section(experiment, made["codebook"], label)),
    ]
    parts = [f"<h2>{html.escape(title)}</h2>{text}" for title, text in sections]
    return page("Behind the means", f"<h1>Behind the means</h1>{''.join(parts)}")


def stood_in(table: pd.DataFrame) -> str:
    """A sentence where numbers come from a stand-in."""
    engines = sorted(set(table.stand_in) - {""})
    return f'<p class="note standin">Stand-in: by a {html.escape(engines[0])}, not by SynthSeg.</p>' if engines else ""


def structure_section(experiment: Experiment, table: pd.DataFrame, label: dict[str, str]) -> str:
    """Dice and surfaces by groups of structures."""
    if not len(table):
        return "<p>No segmentation engine was run.</p>"
    here = table[table.structure.isin(KINDS)]
    tables = {}
    for cohort, part in here.groupby("cohort", sort=False):
        wide = part.assign(
            model=part.model.map(label),
            text=["–" if pd.isna(d) else f"{d:.1f} / {n:.1f}" for d, n in zip(part.dice, part.nsd, strict=True)],
            kind=part.structure.map(KINDS),
        )
        shown = wide.pivot_table("text", ["model", "modality"], "kind", aggfunc="first", sort=False).reset_index()
        tables[cohort] = shown[["model", "modality", *(k for k in KINDS.values() if k in shown)]].fillna("–")
    tolerance = experiment.segmentation.surface_tolerance_mm
    return (
        "<p>Dice / normalised surface distance in percent between the segmentations of reconstructions and of their "
        f"originals, means over structures. The latter is the share of both surfaces that lies within {tolerance:g} mm "
        "of the other. The ceiling is the same engine on the original moved rigidly by half a voxel. Every structure "
        f"with its intervals is in <code>numbers/structures.csv</code>.</p>{stood_in(table)}"
        + by_cohort(experiment, tables)
    )


def volume_section(experiment: Experiment, table: pd.DataFrame, label: dict[str, str]) -> str:
    """Bias, limits and ICC of the regions of figure 4."""
    here = table[table.region.isin(REGIONS)]
    if not len(here):
        return "<p>No segmentation engine was run.</p>"
    tables = {
        cohort: pd.DataFrame(
            {
                "model": part.model.map(label),
                "modality": part.modality,
                "region": part.region.map(REGIONS),
                "original, ml": part.reference_ml.map("{:.2f}".format),
                "difference, ml": [
                    f"{r.bias_ml:+.2f} ({r.low_ml:+.2f} to {r.high_ml:+.2f})" for r in part.itertuples()
                ],
                "ICC": part.icc.map(lambda value: "–" if pd.isna(value) else f"{value:.2f}"),
            }
        )
        for cohort, part in here.groupby("cohort", sort=False)
    }
    return (
        "<p>Volumes in reconstructions against those in their originals, by the same engine: mean difference with the "
        "95 % limits of agreement, and ICC(A,1). Every region is in <code>numbers/agreement.csv</code>.</p>"
        + stood_in(table)
        + by_cohort(experiment, tables)
    )


def group_section(experiment: Experiment, table: pd.DataFrame, scores: pd.DataFrame, label: dict[str, str]) -> str:
    """A table a metric and cohort with a line a group, and how the subjects could not be parted."""
    if not len(scores):
        return "<p>Nothing was scored.</p>"
    parts = [
        "<p>Means over the sessions of a group; in square brackets: subjects. Intervals, and SSIM, are in "
        "<code>numbers/groups.csv</code>.</p>"
    ]
    for cohort, people in scores.groupby("cohort", sort=False):
        here = table[(table.cohort == cohort) & ~table.model.isin(EXTRA)]
        parts.append(f"<h3>{html.escape(experiment.cohort(cohort).shown)}</h3>")
        for metric in ("psnr", "dice", "accuracy"):
            if len(part := here[here.metric == metric]):
                parts.append(f"<h4>{METRICS[metric]}</h4>{stood_in(part)}{small_table(by_group(part, label))}")
        alike = missing(people)
        if alike:
            parts.append(f'<p class="note">Not parted by {", ".join(alike)}: unknown, or the same for all.</p>')
    return "".join(parts)


def by_group(part: pd.DataFrame, label: dict[str, str]) -> pd.DataFrame:
    """Values of one metric: a line a group and modality, a column a row of the benchmark."""
    names = part.by + " " + part.group + part.subjects.map(" [{}]".format)
    wide = part.assign(name=names, model=part.model.map(label), text=part["value"].map("{:.2f}".format))
    columns = list(dict.fromkeys(wide.model))
    wide = wide.sort_values("by", key=lambda by: by.map(WAYS.index), kind="stable")
    shown = wide.pivot_table("text", ["name", "modality"], "model", aggfunc="first", sort=False)[columns]
    return shown.reset_index().fillna("–").rename(columns={"name": "group"})


def worst_section(experiment: Experiment, scores: pd.DataFrame, model: str) -> str:
    """The worst images of one row."""
    found = worst(experiment, scores, model)
    if not len(found):
        return "<p>Nothing was scored.</p>"
    return stood_in(scores[scores.metric == "dice"].rename(columns={"engine": "stand_in"})) + small_table(found)


def synthesis_section(experiment: Experiment, table: pd.DataFrame, scores: pd.DataFrame, label: dict[str, str]) -> str:
    """Both directions and all variants, beside the reconstruction of the image that is to be made."""
    if not len(table):
        return "<p>No row that was run makes one modality of the other, or no session has both.</p>"
    keys = ["model", "modality", "metric"]
    direct = scores.groupby(["cohort", *keys])["value"].mean()
    tables = {}
    for cohort, part in table.groupby("cohort", sort=False):
        text = ranged(part["value"], part.ci_low, part.ci_high)
        wide = part.assign(text=text, direction=part.source + " to " + part.modality)
        wide = wide.assign(appearance=part.appearance.map(LOOKS), column=part.metric.map(METRICS))
        own = wide.drop_duplicates(["model", "direction", "metric"]).assign(appearance="its own reconstruction")
        own["text"] = [f"{direct.get((cohort, *key), float('nan')):.2f}" for key in own[keys].itertuples(index=False)]
        both = pd.concat([wide, own])
        place = both.model.map([*label].index)
        both = both.assign(place=place, model=both.model.map(label)).sort_values(["place", "direction"], kind="stable")
        index = ["model", "direction", "appearance"]
        shown = both.pivot_table("text", index, "column", aggfunc="first", sort=False)
        tables[cohort] = shown.reset_index().fillna("–")
    return (
        "<p>The anatomy of one image decoded with the appearance of the other modality (equation 13), against the "
        "session's own image of that modality. The appearance is that of the very image that is to be made, of which "
        "the decoder then sees a few numbers, or the mean appearance of training images, for which it need not exist. "
        "The paper gives no such numbers.</p>" + by_cohort(experiment, tables)
    )


def codebook_section(experiment: Experiment, table: pd.DataFrame, label: dict[str, str]) -> str:
    """Usage and perplexity of all codebooks."""
    if not len(table):
        return "<p>No row that was run has a codebook.</p>"
    tables = {
        cohort: pd.DataFrame(
            {
                "model": part.model.map(label),
                "codebook": part.codebook.astype(int) + 1,
                "modality": part.modality,
                "words": part["size"],
                "tokens": part.tokens,
                "used": [f"{r.used} ({100 * r.usage:.1f} %)" for r in part.itertuples()],
                "perplexity": part.perplexity.map("{:.1f}".format),
            }
        )
        for cohort, part in table.groupby("cohort", sort=False)
    }
    return (
        "<p>Words that the test images use, and the number of words that an even use of as much information would need "
        "(perplexity).</p>" + by_cohort(experiment, tables)
    )

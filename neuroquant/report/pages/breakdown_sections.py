"""Sections of the breakdown page: each a paragraph and a table per cohort."""

import html

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.html import by_cohort, ranged, small_table
from neuroquant.statistics.agreement import REGIONS
from neuroquant.statistics.cells import EXTRA
from neuroquant.statistics.groups import WAYS, missing
from neuroquant.statistics.metrics import metric as metric_of
from neuroquant.statistics.metrics import shown_in
from neuroquant.statistics.synthesis import beside_reconstruction

KINDS = {"mean": "all", "cortical": "cortical", "subcortical": "subcortical", "ventricles": "ventricles",
         "white matter": "white matter"}  # fmt: skip
LOOKS = {
    "paired": "appearance of the target image itself",
    "typical": "typical appearance of training images",
    "source": "no model: the source image",
}


def stood_in(table: pd.DataFrame) -> str:
    """A sentence where numbers come from a stand-in."""
    engines = sorted(set(table.stand_in) - {""})
    if not engines:
        return ""
    return f'<p class="note standin">Stand-in: segmented by a {html.escape(engines[0])}, not by SynthSeg.</p>'


def structure_section(experiment: Experiment, table: pd.DataFrame, labels: dict[str, str]) -> str:
    """Dice and surfaces by groups of structures."""
    if not len(table):
        return "<p>No segmentation engine was run.</p>"
    here = table[table.structure.isin(KINDS)]
    tables = {}
    for cohort, part in here.groupby("cohort", sort=False):
        wide = part.assign(
            model=part.model.map(labels),
            text=["–" if pd.isna(d) else f"{d:.1f} / {n:.1f}" for d, n in zip(part.dice, part.nsd, strict=True)],
            kind=part.structure.map(KINDS),
        )
        shown = wide.pivot_table("text", ["model", "modality"], "kind", aggfunc="first", sort=False).reset_index()
        tables[cohort] = shown[["model", "modality", *(k for k in KINDS.values() if k in shown)]].fillna("–")
    tolerance = experiment.segmentation.surface_tolerance_mm
    return (
        "<p>Dice / normalised surface distance in percent between the segmentations of reconstructions and of their "
        f"originals, means over structures. The latter is the share of both surfaces that lies within {tolerance:g} mm "
        "of the other. Segmenter test-retest is the same engine on the original moved rigidly by half a voxel. Every "
        f"structure with its intervals is in <code>numbers/structures.csv</code>.</p>{stood_in(table)}"
        + by_cohort(experiment, tables)
    )


def error_section(experiment: Experiment, table: pd.DataFrame, labels: dict[str, str]) -> str:
    """MAE and PSNR by groups of structures."""
    if not len(table):
        return "<p>No segmentation engine was run.</p>"
    tables = {}
    for cohort, part in table[table.structure.isin(KINDS)].groupby("cohort", sort=False):
        wide = part.assign(
            model=part.model.map(labels),
            text=[f"{row.mae:.2f} / {row.psnr:.1f}" for row in part.itertuples()],
            kind=part.structure.map(KINDS),
        )
        shown = wide.pivot_table("text", ["model", "modality"], "kind", aggfunc="first", sort=False).reset_index()
        tables[cohort] = shown[["model", "modality", *(k for k in KINDS.values() if k in shown)]].fillna("–")
    return (
        "<p>Mean absolute error in percent of the intensity range / PSNR in dB, over the voxels of a group of "
        "structures, by the segmentation of the original. Every structure with its intervals is in "
        f"<code>numbers/structure_errors.csv</code>.</p>{stood_in(table)}" + by_cohort(experiment, tables)
    )


def metric_section(experiment: Experiment, cells: pd.DataFrame, labels: dict[str, str]) -> str:
    """Metrics of images that Table 1 leaves out unless told otherwise."""
    further = {metric.name: metric for metric in shown_in("further")}
    here = cells[cells.metric.isin(list(further))]
    if not len(here):
        return "<p>No metric beside PSNR and SSIM was computed.</p>"
    order = {name: number for number, name in enumerate(labels)}
    here = here.assign(
        text=[further[cell.metric].text(cell.value) for cell in here.itertuples()],
        order=here.model.map(order), model=here.model.map(labels),
        column=pd.Categorical(here.metric.map(lambda name: further[name].titled), [m.titled for m in further.values()]),
    ).sort_values(["order", "column"], kind="stable")  # fmt: skip
    tables = {}
    for cohort, part in here.groupby("cohort", sort=False):
        part = part.assign(column=part.column.astype(str))
        shown = part.pivot_table("text", ["model", "modality"], "column", aggfunc="first", sort=False)
        tables[cohort] = shown.reset_index().fillna("–")
    lower = ", ".join(metric.label for metric in further.values() if not metric.higher_is_better)
    return (
        "<p>Means over families or subjects; intervals are in <code>numbers/cells.csv</code>, formulas in "
        f"docs/metrics.md. Lower is better for {lower}; higher for the others. Sharpness and HFEN see blur, which PSNR "
        "hardly does.</p>" + by_cohort(experiment, tables)
    )


def volume_section(experiment: Experiment, table: pd.DataFrame, labels: dict[str, str]) -> str:
    """Bias, limits and ICC of the regions of figure 4."""
    here = table[table.region.isin(REGIONS)]
    if not len(here):
        return "<p>No segmentation engine was run.</p>"
    tables = {
        cohort: pd.DataFrame(
            {
                "model": part.model.map(labels),
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


def group_section(experiment: Experiment, table: pd.DataFrame, scores: pd.DataFrame, labels: dict[str, str]) -> str:
    """A table per metric and cohort with a line per group, and by what the subjects could not be grouped."""
    if not len(scores):
        return "<p>Nothing was scored.</p>"
    parts = [
        "<p>Means over the families or subjects of a group; in square brackets: subjects. Intervals, and SSIM, are in "
        "<code>numbers/groups.csv</code>.</p>"
    ]
    for cohort, people in scores.groupby("cohort", sort=False):
        here = table[(table.cohort == cohort) & ~table.model.isin(EXTRA)]
        parts.append(f"<h3>{html.escape(experiment.cohort(cohort).shown)}</h3>")
        for metric in shown_in("groups"):
            if len(part := here[here.metric == metric.name]):
                parts.append(f"<h4>{metric.titled}</h4>{stood_in(part)}{small_table(group_table(part, labels))}")
        alike = missing(people)
        if alike:
            parts.append(f'<p class="note">Not grouped by {", ".join(alike)}: unknown, or the same for all.</p>')
    return "".join(parts)


def group_table(part: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """Values of one metric: a line per group and modality, a column per model."""
    names = part.by + " " + part.group + part.subjects.map(" [{}]".format)
    wide = part.assign(name=names, model=part.model.map(labels), text=part["value"].map("{:.2f}".format))
    columns = list(dict.fromkeys(wide.model))
    wide = wide.sort_values("by", key=lambda column: column.map(WAYS.index), kind="stable")
    shown = wide.pivot_table("text", ["name", "modality"], "model", aggfunc="first", sort=False)[columns]
    return shown.reset_index().fillna("–").rename(columns={"name": "group"})


def worst_section(experiment: Experiment, images: pd.DataFrame) -> str:
    """The worst images of one model, by number unless the report may name subjects.

    Parameters
    ----------
    images : DataFrame
        As `choice.worst_images` gives them.
    """
    if not len(images):
        return "<p>Nothing was scored.</p>"
    who = images.number.map("test subject {}".format)
    if experiment.report.identifiable:
        who = images.subject + " " + images.session
    shown = {
        "cohort": images.cohort.map(lambda name: experiment.cohort(name).shown),
        "who": who,
        "modality": images.modality,
        "sex": images.sex,
        "age": images.age.map(lambda years: "" if pd.isna(years) else f"{years:.1f}"),
    }
    for metric in shown_in("worst"):
        shown[metric.titled] = ["–" if pd.isna(value) else metric.text(value) for value in images[metric.name]]
    return small_table(pd.DataFrame(shown))


def synthesis_section(experiment: Experiment, table: pd.DataFrame, cells: pd.DataFrame, labels: dict[str, str]) -> str:
    """All directions and variants, beside the reconstruction of the image that is to be synthesised."""
    if not len(table):
        return "<p>No model that was run synthesises one modality from another, or no session has two modalities.</p>"
    own = beside_reconstruction(table, cells)
    own = own.assign(text=own["value"].map("{:.2f}".format), appearance="its own reconstruction")
    text = ranged(table["value"], table.ci_low, table.ci_high)
    both = pd.concat([table.assign(text=text, appearance=table.appearance.map(LOOKS)), own])
    order = {name: number for number, name in enumerate(labels)}
    both = both.assign(
        direction=both.source + " to " + both.modality, column=both.metric.map(lambda name: metric_of(name).titled),
        order=both.model.map(order), model=both.model.map(labels),
    )  # fmt: skip
    both = both[both.metric.isin([metric.name for metric in shown_in("synthesis")])]
    both = both.sort_values(["order", "direction"], kind="stable")
    tables = {}
    for cohort, part in both.groupby("cohort", sort=False):
        index = ["model", "direction", "appearance"]
        shown = part.pivot_table("text", index, "column", aggfunc="first", sort=False)
        tables[cohort] = shown.reset_index().fillna("–")
    return (
        "<p>The anatomy of one image decoded with the appearance of another modality (equation 13), against the "
        "session's own image of that modality. The appearance is that of the target image itself, of which the decoder "
        "then sees a few numbers, or the mean appearance of training images, for which the target need not exist. The "
        "paper gives no such numbers. The metrics beside PSNR and SSIM follow Dohmen et al. (2025).</p>"
        + by_cohort(experiment, tables)
    )


def codebook_section(experiment: Experiment, table: pd.DataFrame, labels: dict[str, str]) -> str:
    """Usage and perplexity of all codebooks."""
    if not len(table):
        return "<p>No model that was run has a codebook.</p>"
    tables = {
        cohort: pd.DataFrame(
            {
                "model": part.model.map(labels),
                "codebook": part.codebook.astype(int) + 1,
                "modality": part.modality,
                "size": part["size"],
                "positions": part.tokens,
                "used": [f"{r.used} ({100 * r.usage:.1f} %)" for r in part.itertuples()],
                "perplexity": part.perplexity.map("{:.1f}".format),
            }
        )
        for cohort, part in table.groupby("cohort", sort=False)
    }
    return (
        "<p>Tokens in a codebook, how many of them the test images use, and how many an even use of as much "
        "information would need (perplexity).</p>" + by_cohort(experiment, tables)
    )

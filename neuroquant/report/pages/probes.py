"""The page of the sex probes: every measure, and the controls beside them."""

import html
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.html import page, small_table
from neuroquant.report.pages import probe_targets
from neuroquant.statistics.cells import EXTRA
from neuroquant.tables import VOLUMES

CONTROLS = ("head size", "age", "age and site", "head size and age")
"""What a claim about sex must beat; `statistics.probes` computes them."""
WORDS = (
    "Sex predicted from frozen latents by a SEResNet and by a linear probe, and from the volumes themselves. An "
    "accuracy says something about a latent only if it is above what head size (the volume of the brain's mask), "
    "age and site give, and if it holds in head-size-matched pairs. 'Gain' is the AUROC minus that of head size on "
    "the same sessions. 'permuted' is a probe after the subjects' sexes were shuffled: it shows chance. 'Read' is "
    "the array that a probe was given: channels x positions, and the cubes over which it was averaged, if it was. "
    "AUROC measures ranking; Brier's score and the calibration error measure the probabilities. 'By subject' "
    "averages the probabilities of a subject's sessions first; everything else counts sessions. Intervals resample "
    "families, or subjects where no family is known."
)
EXTERNAL = (
    "Probes and controls of this external cohort have learned from the training subjects of the other cohorts, all "
    "together."
)


def write_page(experiment: Experiment, details: Path, out: Path, targets: Path | None = None) -> None:
    """Write the page: a table per cohort and subset, and what is missing; then the same of further `targets`."""
    table, parts = pd.read_csv(details, keep_default_na=False, na_values=["nan"]), []
    table["auroc"] = pd.to_numeric(table["auroc"], errors="coerce")
    labels = {VOLUMES: EXTRA[VOLUMES]} | {entry.name: entry.shown for entry in experiment.shown_models}
    for cohort in experiment.cohorts:
        here = table[table.cohort == cohort.name]
        if cohort.external and len(here):
            parts.append(f"<h2>{html.escape(cohort.shown)}</h2><p>{EXTERNAL}</p>")
        for subset, part in here.groupby("subset", sort=False):
            parts.append(f"<h2>{html.escape(cohort.shown)}, {html.escape(subset)}</h2>")
            order = [*labels, *part.model.unique()]
            part = part.sort_values("model", key=lambda names: names.map(order.index), kind="stable")
            parts.append(small_table(shown(part, labels)))
        parts += [f'<p class="note">{html.escape(text)}</p>' for text in missing(experiment, cohort.name, here, labels)]
    if table.auroc.isna().all():
        parts.append("<p>Sex could not be probed: too few subjects, or all of one sex.</p>")
    if targets is not None:
        parts.append(probe_targets.section(experiment, targets, labels))
    write_text(out, page("Sex probes", f"<h1>Sex probes</h1><p>{WORDS}</p>{''.join(parts)}"))


def missing(experiment: Experiment, cohort: str, here: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    """Sentences on models, controls and matched pairs that are not in the table of a cohort that is scored."""
    if not len(here) or here.auroc.isna().all():
        scored = cohort in (*experiment.table1.cohorts, *experiment.table2.cohorts)
        shown_as = experiment.cohort(cohort).shown
        return [f"{shown_as}: nothing to rank, too few subjects, or all of one sex."] * scored
    models = [
        model for table in (experiment.table1, experiment.table2) if cohort in table.cohorts for model in table.models
    ]
    absent = [labels[model] for model in dict.fromkeys(models) if model not in set(here.model)]
    texts = [f"Not probed, because latents or subjects are missing: {', '.join(absent)}."] if absent else []
    left_out = [name for name in CONTROLS if f"control: {name}" not in set(here.model)]
    if left_out:
        texts.append(f"Controls left out, because they aren't known or don't vary here: {', '.join(left_out)}.")
    if not experiment.probe.permuted:
        texts.append("Chance is shown for the linear probe only: probe.permuted is false.")
    if here.subset.nunique() < 2:
        texts.append("There are no head-size-matched pairs of a woman and a man.")
    return texts


def shown(part: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """Numbers as people read them."""

    def number(name: str, scale: float = 1.0, digits: int = 2) -> pd.Series:
        values = pd.to_numeric(part[name], errors="coerce") * scale
        return values.map(lambda v: "–" if pd.isna(v) else f"{v:.{digits}f}")

    def between(name: str, scale: float = 1.0, digits: int = 2) -> pd.Series:
        low, high = (number(f"{name}_{end}", scale, digits) for end in ("low", "high"))
        value = number(name, scale, digits)
        return (value + " (" + low + " to " + high + ")").where(value != "–", "–")

    return pd.DataFrame(
        {
            "model": part.model.map(lambda name: labels.get(name, name)),
            "modality": part.modality,
            "probe": part.probe.str.replace("_", ", "),
            "read": part.array,
            "subjects": part.subjects,
            "accuracy, %": between("accuracy", 100, 1),
            "balanced, %": between("balanced_accuracy", 100, 1),
            "AUROC": between("auroc"),
            "gain": between("auroc_gain"),
            "AUROC by subject": number("subject_auroc"),
            "balanced by subject, %": number("subject_balanced_accuracy", 100, 1),
            "Brier": number("brier", 1, 3),
            "calibration error": number("calibration_error", 1, 3),
        }
    )

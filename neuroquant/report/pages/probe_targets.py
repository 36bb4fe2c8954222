"""The part of the page of probes on what the paper doesn't predict, or doesn't predict it from."""

import html
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.html import small_table

WORDS = (
    "Other targets than sex, and other parts of the latents (probe.targets and probe.inputs). Classes have accuracy, "
    "balanced accuracy and AUROC (of more than two, the mean over each class against the rest); numbers have the mean "
    "absolute error in their own unit, R2 (below 0: worse than the mean of the test sessions) and Pearson's r. "
    "'Gain' is the AUROC, or R2, minus that of head size on the same sessions. Controls know covariates only, "
    "'training mean' and 'most frequent class' not even these. 'permuted' is a probe after the values were shuffled "
    "among the subjects: it shows chance. Accuracy and absolute error count families once, the rest sessions; "
    "intervals resample families, or subjects where no family is known."
)
PARTS = {
    "main": "latent of the model",
    "anatomy": "anatomy",
    "quantised": "quantised anatomy",
    "appearance": "appearance",
    "both": "anatomy and appearance",
    "modality_code": "pooled modality code",
}
"""Parts of the latents in words."""
CLASSES = {"accuracy, %": ("accuracy", 100, 1), "balanced, %": ("balanced_accuracy", 100, 1), "AUROC": ("auroc", 1, 2)}
NUMBERS = {"mean absolute error": ("mae", 1, 2), "R2": ("r2", 1, 2), "r": ("r", 1, 2)}
"""Column of the page -> that of the table, factor and decimal places."""


def section(experiment: Experiment, targets_csv: Path, labels: dict[str, str]) -> str:
    """HTML of the part: a table for each cohort, target and subset, and what is missing in them."""
    table = pd.read_csv(targets_csv, keep_default_na=False, na_values=["nan"])
    parts = [f"<h1>Other targets</h1><p>{WORDS}</p>"]
    for cohort in experiment.cohorts:
        here = table[table.cohort == cohort.name]
        for (target, subset), part in here.groupby(["target", "subset"], sort=False):
            title = f"{cohort.shown}: {target}, {subset}"
            parts.append(f"<h2>{html.escape(title)}</h2><p>{html.escape(about(part))}</p>")
            parts.append(small_table(shown(part, labels)))
            parts += [f'<p class="note">{html.escape(text)}</p>' for text in missing(experiment, part, labels)]
    if table.empty:
        parts.append("<p>No target could be probed: too few subjects, or all of one value.</p>")
    return "".join(parts)


def about(part: pd.DataFrame) -> str:
    """What a target is, and what chance would be."""
    if part.kind.iloc[0] == "regression":
        return "A number, by regression. Chance: R2 of 0, and the error of the training mean."
    classes = int(pd.to_numeric(part["classes"]).max())
    return f"{classes} classes. Chance: a balanced accuracy of {100 / max(classes, 1):.1f} %, and an AUROC of 0.50."


def missing(experiment: Experiment, part: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    """Sentences on models and parts of their latents that aren't in a table."""
    probed = set(zip(part.model, part.part, strict=True))
    target = part.target.iloc[0]
    wanted = [name for aim, name in experiment.probe.aims if aim == target]
    absent = {
        PARTS[name]: [labels[entry.name] for entry in experiment.shown_models if (entry.name, name) not in probed]
        for name in wanted
    }
    return [
        f"Not probed on the {words}, because the model has no such latent, subjects are missing, or tables don't show "
        f"it: {', '.join(names)}."
        for words, names in absent.items()
        if names
    ]


def shown(part: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """Numbers as people read them."""
    order = [*labels, *part.model.unique()]
    part = part.sort_values("model", key=lambda names: names.map(order.index), kind="stable")

    def between(name: str, scale: float, digits: int) -> pd.Series:
        value, low, high = (
            (pd.to_numeric(part[name + end], errors="coerce") * scale).map(
                lambda v: "–" if pd.isna(v) else f"{v:.{digits}f}"
            )
            for end in ("", "_low", "_high")
        )
        return (value + " (" + low + " to " + high + ")").where(value != "–", "–")

    columns = CLASSES if part.kind.iloc[0] == "classification" else NUMBERS
    return pd.DataFrame(
        {
            "model": part.model.map(lambda name: labels.get(name, name)),
            "from": part.part.map(lambda name: PARTS.get(name, "")),
            "modality": part.modality,
            "probe": part.probe.str.replace("_", ", "),
            "read": part.array,
            "subjects": part.subjects,
        }
        | {title: between(*what) for title, what in columns.items()}
        | {"gain": between("gain", 1, 2)}
    )

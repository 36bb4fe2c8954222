"""The page of the sex probes: every measure, and the controls beside them."""

import html
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.reporting.pages import page, small_table
from neuroquant.reporting.summarise import VOLUMES

WORDS = (
    "Sex read from frozen latents by a SEResNet and by a linear probe, and from the volumes themselves. Two things "
    "must hold before such an accuracy says something about a latent: it must beat what head size and age alone give, "
    "and it must not live on head size, which the rows on matched pairs show. 'linear, permuted' is the linear probe "
    "after the training subjects' sexes were shuffled: what it reads is chance. AUROC ranks, Brier's score and the "
    "calibration error judge the probabilities. 95 % intervals resample families, or subjects."
)


def write_page(experiment: Experiment, details: Path, out: Path) -> None:
    """Write the page, a table a cohort and subset."""
    table, parts = pd.read_csv(details, keep_default_na=False, na_values=["nan"]), []
    labels = {VOLUMES: "volumes (reference)"} | {row.name: row.shown for row in experiment.models}
    for cohort in experiment.cohorts:
        here = table[table.cohort == cohort.name]
        for subset, part in here.groupby("subset", sort=False):
            parts.append(f"<h2>{html.escape(cohort.shown)}, {html.escape(subset)}</h2>")
            order = [*labels, *part.model.unique()]
            part = part.sort_values("model", key=lambda names: names.map(order.index), kind="stable")
            parts.append(small_table(shown(part, labels)))
    if not parts:
        parts.append("<p>Sex could not be probed: too few subjects, or one sex alone.</p>")
    write_text(out, page("Sex probes", f"<h1>Sex probes</h1><p>{WORDS}</p>{''.join(parts)}"))


def shown(part: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """Numbers as people read them."""

    def number(name: str, scale: float = 1.0, digits: int = 2) -> pd.Series:
        values = pd.to_numeric(part[name], errors="coerce") * scale
        return values.map(lambda v: "–" if pd.isna(v) else f"{v:.{digits}f}")

    def between(name: str, scale: float = 1.0, digits: int = 2) -> pd.Series:
        low, high = (number(f"{name}_{end}", scale, digits) for end in ("low", "high"))
        return number(name, scale, digits) + " (" + low + "–" + high + ")"

    return pd.DataFrame(
        {
            "model": part.model.map(lambda name: labels.get(name, name)),
            "modality": part.modality,
            "probe": part.probe.str.replace("_", ", "),
            "subjects": part.subjects,
            "accuracy, %": between("accuracy", 100, 1),
            "balanced, %": number("balanced_accuracy", 100, 1),
            "AUROC": between("auroc"),
            "Brier": number("brier", 1, 3),
            "calibration error": number("calibration_error", 1, 3),
        }
    )

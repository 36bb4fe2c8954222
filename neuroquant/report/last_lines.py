"""The last lines of a finished run: where the report is, and the numbers that matter most."""

from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.against_mean import mean_model
from neuroquant.statistics.cells import SYNTHETIC
from neuroquant.statistics.choice import full_model
from neuroquant.statistics.metrics import Metric, metric

MATTER = ("psnr", "dice", "accuracy", "ssim")
"""Metrics in the order in which they matter; the first three that were measured are shown."""
SHOWN = 3
WIDTH = 88


def last_lines(experiment: Experiment, report: Path, table: Path) -> str:
    """What a user reads when a run has ended well.

    Parameters
    ----------
    report : of the run.
    table : the tidy Table 1, of which the full model's numbers on the first cohort are shown, as on the front page.

    Returns
    -------
    str, a block of lines with intervals, and with the mean training image's values for comparison.
    """
    cells = pd.read_csv(table).dropna(subset="value")
    model = full_model(experiment)
    measured = set(cells[cells.model == model].metric)
    shown = map(experiment.cohort, experiment.table1.cohorts)
    cohort = next((one for one in shown if (cells.cohort == one.name).any()), None)
    lines = ["", "=" * WIDTH, f"report   {report}"]
    if cohort is None or not measured:
        return "\n".join([*lines, "         no model was scored", "=" * WIDTH])
    here = cells[cells.cohort == cohort.name]
    own = here[here.model == model]
    lines.append(
        f"result   {experiment.model(model).shown} on {own.n_subjects.max():.0f} test subjects, {cohort.shown}:"
    )
    shown = [metric(name) for name in MATTER if name in measured][:SHOWN]
    lines += [f"  {one.label:<9}{_values(experiment, here, model, one)}" for one in shown]
    stand_ins = sorted(set("; ".join(own.stand_in.dropna().astype(str)).split("; ")) - {""})
    if stand_ins:
        lines.append(f"  stand-ins: {', '.join(stand_ins)}{_meaning(stand_ins)}")
    return "\n".join([*lines, "=" * WIDTH])


def _meaning(stand_ins: list[str]) -> str:
    return "; these numbers say nothing about the paper" if SYNTHETIC in stand_ins else ""


def _values(experiment: Experiment, here: pd.DataFrame, model: str, one: Metric) -> str:
    """A metric of each modality, with its interval and the mean image's value."""
    scores = here[here.metric == one.name].drop_duplicates(["model", "modality"]).set_index(["model", "modality"])
    mean = mean_model(experiment)
    parts = []
    for modality in experiment.modalities:
        if (model, modality) not in scores.index:
            continue
        cell = scores.loc[(model, modality)]
        text = f"{modality} {one.text(cell['value'])} {one.unit}"
        if pd.notna(cell.ci_low):
            text += f" [{one.text(cell.ci_low)}, {one.text(cell.ci_high)}]"
        if mean != model and (mean, modality) in scores.index:
            text += f" (mean image {one.text(scores.loc[(mean, modality)]['value'])})"
        parts.append(text)
    return "   ".join(parts)

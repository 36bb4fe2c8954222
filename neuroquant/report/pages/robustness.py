"""What the figure of robustness says in this run."""

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.figures.robustness import named
from neuroquant.report.html import ranged
from neuroquant.report.pages.figure_page import Said
from neuroquant.report.sentences import listed
from neuroquant.statistics.metrics import metric
from neuroquant.statistics.robustness import losses


def of_robustness(experiment: Experiment, cells: pd.DataFrame, cohort: str) -> Said:
    """The fault that costs each model most, and the exact values at the highest severity.

    Parameters
    ----------
    cells : DataFrame
        As `robustness.robust_cells` gives them.
    """
    here = cells[(cells.cohort == cohort) & cells.model.isin(experiment.table1.models)]
    lost = losses(here[here.metric == "psnr"])
    texts = []
    for (model, modality), part in lost.groupby(["model", "modality"], sort=False):
        worst = part.loc[part.loss.idxmax()]
        texts.append(
            f"{experiment.model(model).shown}, {modality}: {named(worst.fault)} costs most "
            f"({worst.begin:.2f} dB without it, {worst.end:.2f} dB at its full strength)."
            if worst.loss > 0
            else f"{experiment.model(model).shown}, {modality}: no fault lowers the PSNR."
        )
    last = here[here.severity == experiment.robustness.severities]
    shown = pd.DataFrame(
        {
            "model": [experiment.model(name).shown for name in last.model],
            "modality": last.modality.to_numpy(),
            "fault": [named(fault) for fault in last.fault],
            "metric": [metric(name).titled for name in last.metric],
            "at full strength": ranged(last["value"], last.ci_low, last.ci_high).to_numpy(),
        }
    )
    table = None
    if len(shown):
        wide = shown.pivot(index=["model", "modality", "metric"], columns="fault", values="at full strength")
        order = [named(fault) for fault in experiment.robustness.faults]
        table = wide[[fault for fault in order if fault in wide]].reset_index().fillna("–")
        table.columns.name = None
    counts = here.groupby("modality", sort=False).n_subjects.max()
    cases = (
        listed([f"{count} test subjects ({modality})" for modality, count in counts.items()]) if len(counts) else "0"
    )
    return Said(texts, f"n = {cases} of {experiment.cohort(cohort).shown}.", table)

"""What each figure says in this run: sentences, numbers of cases and exact values, of what statistics computed."""

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.html import ranged
from neuroquant.report.pages.figure_page import Said
from neuroquant.report.sentences import listed
from neuroquant.statistics.agreement import REGIONS
from neuroquant.statistics.choice import ranked
from neuroquant.statistics.curves import last
from neuroquant.statistics.metrics import metric


def of_figure3(experiment: Experiment, cells: pd.DataFrame, cohort: str, models: list[str]) -> Said:
    """The shown models by PSNR.

    Parameters
    ----------
    cells : DataFrame
        As `cells.cells` gives them.
    """
    here = cells[(cells.cohort == cohort) & cells.model.isin(models)]
    texts, tables = [], []
    for modality in experiment.modalities:
        order = [(experiment.model(name).shown, value) for name, value in ranked(here, modality, "psnr")]
        if len(order) > 1:
            (best, high), (worst, low) = order[0], order[-1]
            texts.append(
                f"{modality}: over all test sessions the errors of {best} are smallest (PSNR {high:.2f} dB) and those "
                f"of {worst} largest ({low:.2f} dB)."
            )
    scores = here[here.metric.isin(("psnr", "ssim"))].dropna(subset="value")
    for name, part in scores.groupby("metric", sort=False):
        shown = part.assign(text=ranged(part["value"], part.ci_low, part.ci_high))
        shown = shown.assign(model=part.model.map(_labels(experiment)))
        tables.append(shown.set_index(["model", "modality"])["text"].rename(metric(name).titled))
    subjects = int(here.n_subjects.max()) if len(here) else 0
    table = pd.concat(tables, axis=1).reset_index().fillna("–") if tables else None
    return Said(texts, f"n = 1 session of {subjects} test subjects of {experiment.cohort(cohort).shown}.", table)


def of_figure4(experiment: Experiment, limits: pd.DataFrame, stand_ins: set[str]) -> Said:
    """The model whose volumes are nearest to the originals', by region and modality.

    Parameters
    ----------
    limits : DataFrame
        As `agreement.agreement` gives them, of what the figure shows.
    stand_ins : set of str
        Segmenters that stood in for SynthSeg.
    """
    names = {entry.name: entry.in_legends for entry in experiment.shown_models}
    texts = []
    for (region, modality), part in limits.groupby(["region", "modality"], sort=False):
        nearest = part.loc[part.bias_ml.abs().idxmin()]
        texts.append(
            f"{REGIONS[region]}, {modality}: {names[nearest.model]} is nearest to the originals on average "
            f"({nearest.bias_ml:+.2f} ml)."
        )
    if stand_ins:
        texts.append(f"The volumes are those of a {listed(sorted(stand_ins))}; they say nothing about SynthSeg's.")
    table = pd.DataFrame(
        {
            "region": limits.region.map(REGIONS),
            "modality": limits.modality,
            "model": limits.model.map(names),
            "images": limits.images,
            "mean difference (limits), ml": ranged(limits.bias_ml, limits.low_ml, limits.high_ml),
            "ICC": limits.icc.map("{:.3f}".format),
        }
    )
    counts = limits.groupby("modality", sort=False).images.max()
    shown = listed([f"{count} images ({modality})" for modality, count in counts.items()]) if len(counts) else "0"
    return Said(texts, f"n = {shown} of each model, of {experiment.cohort(experiment.figure4.cohort).shown}.", table)


def of_rate(experiment: Experiment, points: pd.DataFrame, cells: pd.DataFrame, beaten: list[str]) -> Said:
    """The model with the highest PSNR and the one with the fewest bits, by cohort and modality.

    Parameters
    ----------
    points : DataFrame
        As `rate.rates` gives it.
    beaten : list of str
        As `sentences.classical_sentences` gives them.
    """
    names = _labels(experiment)
    finite = points[points.psnr.notna() & (points.psnr < float("inf"))]
    finite = finite[finite.model.isin(experiment.table1.models) & finite.cohort.isin(experiment.table1.cohorts)]
    texts = []
    for (cohort, modality), part in finite.groupby(["cohort", "modality"], sort=False):
        best = part.loc[part.psnr.idxmax()]
        spent = part[part.kbit_per_volume > 0]
        least = spent.loc[spent.kbit_per_volume.idxmin()] if len(spent) else best
        texts.append(
            f"{experiment.cohort(cohort).shown}, {modality}: {names[best.model]} has the highest PSNR ({best.psnr:.2f} "
            f"dB at {best.kbit_per_volume:,.4g} kbit); {names[least.model]} needs the fewest bits "
            f"({least.kbit_per_volume:,.4g} kbit, {least.psnr:.2f} dB)."
        )
    table = pd.DataFrame(
        {"cohort": points.cohort.map({cohort.name: cohort.shown for cohort in experiment.cohorts}),
         "model": points.model.map(names), "modality": points.modality,
         "kbit per volume": points.kbit_per_volume.map("{:,.4g}".format),
         "coded, kbit": ["–" if pd.isna(value) else f"{value:,.4g}" for value in points.kbit_coded]}
        | {metric(name).titled: ranged(points[name], points[f"{name}_low"], points[f"{name}_high"])
           for name in ("psnr", "ssim", "dice")}
    )  # fmt: skip
    tested = cells[cells.metric == "psnr"].groupby("cohort", sort=False).n_subjects.max()
    counts = [f"{count} test subjects of {experiment.cohort(cohort).shown}" for cohort, count in tested.items()]
    return Said([*texts, *beaten], f"n = {listed(counts) if counts else '0 test subjects'}.", table)


def of_training(logs: dict[str, pd.DataFrame]) -> Said:
    """The last values of every log.

    Parameters
    ----------
    logs : dict of str to DataFrame
        Label of a model -> its log, as `curves.read_logs` gives it.
    """
    final = last(logs, {"l1": "L1", "val_psnr": "validation PSNR, dB"})
    known = final.dropna(subset="validation PSNR, dB")
    texts = []
    if len(known):
        best = known.loc[known["validation PSNR, dB"].idxmax()]
        value = best["validation PSNR, dB"]
        texts = [f"At its end {best.model} has the highest PSNR on validation sessions: {value:.2f} dB."]
    return Said(texts, f"n = {len(final)} trainings, a line each: one for each seed of a model.", _rounded(final))


def of_codes(logs: dict[str, pd.DataFrame]) -> Said:
    """The use of the codebooks at the end of training.

    Parameters
    ----------
    logs : dict of str to DataFrame
        As `of_training` takes them.
    """
    names = {"usage": "codebook in use", "perplexity": "perplexity", "adversary": "cross-entropy of modality"}
    coded = last(logs, names).dropna(subset="codebook in use")
    shares = zip(coded.model, coded["codebook in use"], strict=True)
    texts = [f"{model} ends with {share:.0%} of its codebook in use." for model, share in shares]
    return Said(
        texts,
        f"n = {len(coded)} trainings with a codebook, a line each: one for each seed of a model.",
        _rounded(coded),
    )


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers with four digits; a dash where there is none."""
    shown = {name: ["–" if pd.isna(value) else f"{value:.4g}" for value in table[name]] for name in table.columns[2:]}
    return table[["model", "step"]].assign(**shown) if len(table) else table


def _labels(experiment: Experiment) -> dict[str, str]:
    return {entry.name: entry.shown for entry in experiment.shown_models}

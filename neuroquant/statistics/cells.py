"""From all scores to the tidy table behind tables 1 and 2, and the tests of each row against the best other."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.evaluation import Statistics
from neuroquant.config.experiment import Experiment
from neuroquant.files import written_whole
from neuroquant.statistics.against_mean import against_mean, verdicts
from neuroquant.statistics.intervals import Interval, cluster_bootstrap, clusters_of, effect_size, holm, paired_test
from neuroquant.statistics.numbers import read_numbers
from neuroquant.statistics.pairing import pairs
from neuroquant.statistics.published import published

EMBEDDED = "synthetic cohort"
"""What a cohort that the workflow made itself is called in the column `stand_in`."""
COLUMNS = [
    "cohort", "model", "modality", "metric", "value", "ci_low", "ci_high", "n_subjects", "published", "stand_in",
    "against_mean",
]  # fmt: skip
TESTS = [
    "cohort", "modality", "metric", "model", "rank", "against", "difference", "ci_low", "ci_high", "effect_size", "p",
    "p_holm",
]  # fmt: skip
METRICS = {"table1": ("psnr", "ssim", "accuracy", "dice"), "table2": ("psnr", "ssim", "accuracy")}
MODALITIES = ("T1w", "T2w")
MODEL_GROUPS = {
    "trained_here": "trained here",
    "authors_weights": "authors' weights",
    "reference": "without training, for orientation",
}
"""Groups of rows and how they are called; ranks and tests stay within one."""
SIGNIFICANT = 0.05
"""A difference is significant whose corrected p-value lies below."""
VOLUMES = "volumes"
"""The row that classifies sex from the volumes themselves."""
CEILING = "ceiling"
"""The row of the segmenter against itself, on originals that were moved by half a voxel."""
EXTRA = {VOLUMES: "volumes (reference)", CEILING: "segmenter test-retest"}
"""Rows of table 1 that are no models, and how they are called."""
SCORES = ["cohort", "subject", "session", "family", "modality", "model", "metric", "engine", "value"]


def summarise(
    experiment: Experiment, table: str, fidelity: Path, dice: Path, predictions: Path, out_csv: Path, out_tests: Path
) -> None:
    """Write the tidy table and its tests. A cell without numbers is left out.

    Values are means over sessions (psnr in dB, the rest in percent); intervals resample families, or subjects where
    no family is known. PSNR of trained models says in `against_mean` how it stands beside the mean image.
    """
    scores = load_scores(experiment, fidelity, dice, predictions)
    wanted = experiment.table1 if table == "table1" else experiment.table2
    extra = tuple(EXTRA) if table == "table1" else ()
    cells = []
    for by_row in columns_of(experiment, table, scores):
        cells += [cell(experiment, table, row, part) for row, part in by_row.items()]
    order = {name: number for number, name in enumerate((*extra, *wanted.rows))}
    told = verdicts(against_mean(experiment, scores))
    for one in cells:
        place = (one["cohort"], one["model"], one["modality"])
        one["against_mean"] = told.get(place, "") if one["metric"] == "psnr" else ""
    cells.sort(key=lambda c: (wanted.cohorts.index(c["cohort"]), order[c["model"]], c["modality"]))
    write_csv(pd.DataFrame(cells, columns=COLUMNS), out_csv)
    write_csv(paired_tests(experiment, table, scores), out_tests)


def columns_of(experiment: Experiment, table: str, scores: pd.DataFrame) -> Iterator[dict[str, pd.DataFrame]]:
    """The scores of each row, one column of a table after the other: of each cohort, metric and modality."""
    wanted = experiment.table1 if table == "table1" else experiment.table2
    rows = (*wanted.rows, *(EXTRA if table == "table1" else ()))
    for cohort in wanted.cohorts:
        for metric in METRICS[table]:
            for modality in MODALITIES:
                at = scores[(scores.cohort == cohort) & (scores.metric == metric) & (scores.modality == modality)]
                yield {row: part for row in rows if len(part := at[at.model == row])}


def paired_tests(experiment: Experiment, table: str, scores: pd.DataFrame) -> pd.DataFrame:
    """Each row of a table against the best other one of its group in every column, corrected over the table.

    Parameters
    ----------
    scores : as `load_scores` gives them.
    """
    wanted, tests = experiment.table1 if table == "table1" else experiment.table2, []
    for by_row in columns_of(experiment, table, scores):
        for rows in by_group(experiment, wanted.rows).values():
            tests += against_best({row: by_row[row] for row in rows if row in by_row}, experiment.statistics)
    found = pd.DataFrame(tests, columns=TESTS)
    return found.assign(p_holm=corrected(found))


def write_against_mean(experiment: Experiment, table: str, fidelity: Path, out: Path) -> None:
    """Write how the trained rows of a table stand beside the mean image, as `against_mean` gives it."""
    wanted = experiment.table1 if table == "table1" else experiment.table2
    found = against_mean(experiment, load_fidelity(experiment, fidelity))
    write_csv(found[found.cohort.isin(wanted.cohorts) & found.model.isin(wanted.rows)], out)


def by_group(experiment: Experiment, rows: tuple[str, ...]) -> dict[str, list[str]]:
    """The rows of each group, in order."""
    return {group: [row for row in rows if experiment.row(row).group == group] for group in MODEL_GROUPS}


def load_scores(experiment: Experiment, fidelity: Path, dice: Path, predictions: Path) -> pd.DataFrame:
    """All scores as rows cohort, subject, session, family, modality, model, metric, engine, value, cluster.

    Metrics: psnr (dB), ssim, dice, nsd and accuracy (percent), of sessions. What wasn't scored has no rows.
    """
    shown = load_fidelity(experiment, fidelity)
    overlap = read_numbers("dice", dice, "dice", "nsd")
    overlap = overlap[overlap.structure == "mean"]
    both = [overlap.assign(metric=m, value=100 * overlap[m], engine=overlap.stand_in) for m in ("dice", "nsd")]
    guesses = read_numbers("predictions", predictions)
    guesses = guesses[guesses.probe == "seresnet"].assign(engine="", metric="accuracy")
    guesses["value"] = 100.0 * (guesses.predicted == guesses.sex)
    seeds = guesses.groupby(SCORES[:-1], as_index=False)["value"].mean() if len(guesses) else guesses
    parts = [part.reindex(columns=SCORES) for part in (shown, *both, seeds) if len(part)]
    scores = pd.concat(parts) if parts else pd.DataFrame(columns=SCORES).astype({"value": float})
    return with_clusters(scores.dropna(subset="value"))


def load_fidelity(experiment: Experiment, fidelity: Path) -> pd.DataFrame:
    """PSNR (dB) and SSIM (percent) of the configured region, as `load_scores` gives them."""
    table = read_numbers("fidelity", fidelity, "value")
    table = table[table.region == experiment.fidelity.region].assign(engine="")
    table.loc[table.metric == "ssim", "value"] *= 100
    return with_clusters(table.dropna(subset="value"))


def with_clusters(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores with the unit that intervals resample."""
    return scores.assign(cluster=clusters_of(scores))


def cell(experiment: Experiment, table: str, row: str, part: pd.DataFrame) -> dict[str, object]:
    """One cell of the tidy table."""
    first = part.iloc[0]
    cohort = experiment.cohort(first.cohort)
    interval = measured(experiment, part)
    shown_as = "" if row in EXTRA else experiment.row(row).published_as
    stand_ins = [EMBEDDED] if cohort.embedded else []
    stand_ins += [first.engine] if first.engine else []
    return {
        "cohort": first.cohort,
        "model": row,
        "modality": first.modality,
        "metric": first.metric,
        "value": interval.value,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_subjects": part["subject"].nunique(),
        "published": published(table, cohort.stands_for, shown_as, first.modality, first.metric),
        "stand_in": "; ".join(stand_ins),
    }


def measured(experiment: Experiment, part: pd.DataFrame) -> Interval:
    """Mean of the scores of one cell with its interval; infinite for the PSNR of an exact copy."""
    if not np.isfinite(part["value"]).all():
        return Interval(np.inf, np.inf, np.inf, 0)
    return cluster_bootstrap(part["value"], part["cluster"], experiment.statistics)


def against_best(by_row: dict[str, pd.DataFrame], settings: Statistics) -> list[dict[str, object]]:
    """Each row against the best other one, on the sessions that both have; nothing where a row is alone."""
    ranked = sorted(by_row, key=lambda row: -by_row[row]["value"].mean())
    tests = []
    for number, row in enumerate(ranked if len(ranked) > 1 else ()):
        best_other = ranked[0] if number else ranked[1]
        both = pairs(by_row[row], by_row[best_other])
        if not len(both) or not np.isfinite(both[["value", "value_other"]]).all(axis=None):
            continue
        first, sides = both.iloc[0], (both["value"], both["value_other"], both["cluster"])
        interval = cluster_bootstrap(sides[0] - sides[1], both["cluster"], settings)
        facts = {"cohort": first.cohort, "modality": first.modality, "metric": first.metric, "model": row}
        facts |= {"rank": number + 1, "against": best_other, "difference": interval.value}
        facts |= {"ci_low": interval.low, "ci_high": interval.high, "effect_size": effect_size(*sides)}
        tests.append({**facts, "p": paired_test(*sides), "p_holm": np.nan})
    return tests


def corrected(tests: pd.DataFrame) -> np.ndarray:
    """Holm's correction over all tests of a table.

    The best row against the second and the second against the best are one test: it counts once.
    """
    once = tests["p"].where(tests["rank"] != 2)
    p_holm = pd.Series(holm(once), tests.index)
    first = p_holm[tests["rank"] == 1].to_numpy()
    p_holm[tests["rank"] == 2] = first
    return p_holm.to_numpy()


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """CSV with ten significant digits."""
    with written_whole(path) as scratch:
        table.to_csv(scratch, index=False, lineterminator="\n", float_format="%.10g")

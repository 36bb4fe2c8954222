"""The registry of metrics: a line here and the function that computes a metric are all that a new one needs."""

import math
from dataclasses import dataclass

from neuroquant.config.experiment import Experiment, Table
from neuroquant.errors import InputError


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of an image, as tables and figures show it.

    Attributes
    ----------
    name : str
        In tables of scores.
    label, unit : str
        As people read them.
    source : str
        The gathered table that it comes from: a key of `scores.READERS`.
    shown_in : tuple of str
        Where it stands: "table1", "table2", "rate" (figure); "groups", "worst", "further" and
        "synthesis" (parts of the breakdown).
    scale : float
        What a score in its file is multiplied by to be in `unit`.
    higher_is_better : bool
        Ranks, leads and verdicts follow it.
    digits : int
        Digits behind the point.
    ends : (float, float)
        The least and the most that it can be, in `unit`.
    """

    name: str
    label: str
    unit: str
    source: str
    shown_in: tuple[str, ...] = ()
    scale: float = 100
    higher_is_better: bool = True
    digits: int = 2
    ends: tuple[float, float] = (-math.inf, math.inf)

    @property
    def titled(self) -> str:
        """Label, and unit where there is one."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def points(self) -> str:
        """The unit of a difference: of percentages, points."""
        return "points" if self.unit == "%" else self.unit

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 where lower is: differences times this are positive where they improve."""
        return 1 if self.higher_is_better else -1

    def text(self, value: float) -> str:
        """A value with the metric's digits."""
        return f"{value:.{self.digits}f}"


FURTHER = ("further", "synthesis")
SHARE, SIMILARITY = (0.0, 100.0), (-100.0, 100.0)
"""Ends of shares and of similarities, percent."""
METRICS = (
    Metric("psnr", "PSNR", "dB", "fidelity", ("table1", "table2", "rate", "groups", "worst", "synthesis"), scale=1),
    Metric("ssim", "SSIM", "%", "fidelity", ("table1", "table2", "rate", "worst", "synthesis"), ends=SIMILARITY),
    Metric("accuracy", "Accuracy", "%", "predictions", ("table1", "table2", "groups"), ends=SHARE),
    Metric("dice", "Dice", "%", "dice", ("table1", "rate", "groups", "worst"), ends=SHARE),
    Metric("nsd", "NSD", "%", "dice", ends=SHARE),
    Metric("deviation_cerebellum_cortex", "Error of cerebellum cortex volume", "%", "regions", higher_is_better=False),
    Metric("deviation_caudate", "Error of caudate volume", "%", "regions", higher_is_better=False),
    Metric("ms_ssim", "MS-SSIM", "%", "fidelity", FURTHER, ends=SIMILARITY),
    Metric("nmi", "NMI", "", "fidelity", FURTHER, scale=1, digits=3),
    Metric("mae", "MAE", "% of the range", "fidelity", FURTHER, scale=50, higher_is_better=False),
    Metric("sharpness", "Sharpness", "%", "fidelity", FURTHER, digits=1),
    Metric("hfen", "HFEN", "%", "fidelity", FURTHER, higher_is_better=False, digits=1),
    Metric("lpips", "LPIPS", "", "fidelity", FURTHER, scale=1, higher_is_better=False, digits=3),
)
"""All metrics, in the order of the columns of tables."""


ALWAYS = ("psnr", "ssim")
"""Metrics of images that are computed whatever `fidelity.metrics` says."""


def metric(name: str) -> Metric:
    """The metric of a name.

    Raises
    ------
    InputError
        If no metric has it.

    Examples
    --------
    >>> metric("psnr").unit, metric("psnr").higher_is_better
    ('dB', True)
    """
    for known in METRICS:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in METRICS)
    raise InputError("metric", repr(name), f"one of {names}", "add a line to neuroquant/statistics/metrics.py")


def shown_in(part: str) -> tuple[Metric, ...]:
    """The metrics that a table, a figure or a part of a page shows, in order."""
    return tuple(known for known in METRICS if part in known.shown_in)


def table_metrics(experiment: Experiment, table: str) -> tuple[Metric, ...]:
    """The metrics of the columns of Table 1 or 2: the paper's, then those that the experiment adds."""
    own = shown_in(table)
    wanted: Table = getattr(experiment, table)
    return own + tuple(metric(name) for name in wanted.metrics if metric(name) not in own)


def check_metrics(experiment: Experiment) -> None:
    """Refuse names of metrics that no metric has, or that the experiment doesn't compute.

    Raises
    ------
    InputError
        With the key and the names that it may have.
    """
    of_images = [one.name for one in of_source("fidelity")]
    computed = [name for name in of_images if name in (*ALWAYS, *(experiment.fidelity.metrics or of_images))]
    if not experiment.fidelity.metrics:
        computed.remove("lpips")  # needs weights, so it is never computed unasked
    others = [one.name for one in METRICS if one.source != "fidelity"]
    keys = {"fidelity.metrics": (experiment.fidelity.metrics, of_images)}
    for table in ("table1", "table2"):
        keys[f"{table}.metrics"] = (getattr(experiment, table).metrics, [*computed, *others])
    for key, (names, known) in keys.items():
        for name in names:
            if name not in known:
                remedy = "correct it" if name not in of_images else "add it to fidelity.metrics, beside the others"
                raise InputError(key, repr(name), f"one of {', '.join(known)}", remedy)


def of_source(source: str) -> tuple[Metric, ...]:
    """The metrics of a gathered table."""
    return tuple(known for known in METRICS if known.source == source)

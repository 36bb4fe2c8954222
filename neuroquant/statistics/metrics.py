"""The registry of metrics: a line here and the function that computes a metric are all that a new one needs."""

from dataclasses import dataclass

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
        Where it stands: "table1", "table2", "rate" (figure), "groups" and "worst" (parts of the breakdown).
    scale : float
        What a score in its file is multiplied by to be in `unit`.
    higher_is_better : bool
        Ranks, leads and verdicts follow it.
    digits : int
        Digits behind the point.
    """

    name: str
    label: str
    unit: str
    source: str
    shown_in: tuple[str, ...] = ()
    scale: float = 100
    higher_is_better: bool = True
    digits: int = 2

    @property
    def titled(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})"

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


METRICS = (
    Metric("psnr", "PSNR", "dB", "fidelity", ("table1", "table2", "rate", "groups", "worst"), scale=1),
    Metric("ssim", "SSIM", "%", "fidelity", ("table1", "table2", "rate", "worst")),
    Metric("accuracy", "Accuracy", "%", "predictions", ("table1", "table2", "groups")),
    Metric("dice", "Dice", "%", "dice", ("table1", "rate", "groups", "worst")),
    Metric("nsd", "NSD", "%", "dice"),
    Metric("deviation_cerebellum_cortex", "Error of cerebellum cortex volume", "%", "regions", higher_is_better=False),
    Metric("deviation_caudate", "Error of caudate volume", "%", "regions", higher_is_better=False),
)
"""All metrics, in the order of the columns of tables."""


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


def of_source(source: str) -> tuple[Metric, ...]:
    """The metrics of a gathered table."""
    return tuple(known for known in METRICS if known.source == source)

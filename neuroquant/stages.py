"""What people see while the workflow runs: a line per stage, with jobs done, jobs in all and the time left."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping

PAUSE = 30.0
"""Seconds between two lines of a stage; the first and the last job of a stage always have theirs."""


class Stages:
    """Counts the jobs of each stage.

    Parameters
    ----------
    stage_of : mapping of str to str
        Rule -> its stage. Jobs of other rules aren't counted.
    show : callable
        Gets each line.
    """

    def __init__(self, stage_of: Mapping[str, str], show: Callable[[str], None]):
        self.stage_of, self._show = stage_of, show
        self._total: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._busy: Counter[str] = Counter()  # seconds in which at least one job of the stage ran
        self._changed: dict[str, float] = {}
        self._shown: dict[str, float] = {}

    def plan(self, jobs: Mapping[str, int]) -> None:
        """Take the number of jobs of each rule, those that have ended too; a checkpoint may change it."""
        self._total = Counter()
        for rule, number in jobs.items():
            if rule in self.stage_of:
                self._total[self.stage_of[rule]] += number

    def start(self, rule: str) -> None:
        """A job of a rule starts."""
        if stage := self.stage_of.get(rule):
            self._count(stage, 1)
            if stage not in self._shown:
                self._line(stage)

    def fail(self, rule: str) -> None:
        """A job of a rule has failed; it may be tried again."""
        if stage := self.stage_of.get(rule):
            self._count(stage, -1)

    def finish(self, rule: str) -> None:
        """A job of a rule has ended well."""
        if stage := self.stage_of.get(rule):
            self._count(stage, -1)
            self._done[stage] += 1
            if self._left(stage) == 0 or time.monotonic() - self._shown.get(stage, 0.0) >= PAUSE:
                self._line(stage)

    def _count(self, stage: str, more: int) -> None:
        """Add to the jobs of a stage that run, and to its busy time: a stage that waits for another isn't slow."""
        now = time.monotonic()
        if self._running[stage]:
            self._busy[stage] += now - self._changed[stage]
        self._changed[stage] = now
        self._running[stage] = max(self._running[stage] + more, 0)

    def _left(self, stage: str) -> int:
        return max(self._total[stage] - self._done[stage], 0)

    def _line(self, stage: str) -> None:
        self._shown[stage] = time.monotonic()
        done, left, spent = self._done[stage], self._left(stage), self._busy[stage]
        if not done:
            pace = "starts"
        elif left:
            pace = f"about {duration(spent / done * left)} left"
        else:
            pace = f"done in {duration(spent)}"
        whole = f"whole run: {self._done.total()}/{self._total.total()} jobs"
        self._show(f"stage {stage:<14} {done:>4}/{done + left} jobs, {pace} ({whole})")


def duration(seconds: float) -> str:
    """As 45 s, 12 min or 3 h 05 min.

    Examples
    --------
    >>> duration(44.6), duration(719), duration(11100)
    ('45 s', '12 min', '3 h 05 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


class Listener(logging.Handler):
    """Tells `Stages` of the events in Snakemake's log.

    Parameters
    ----------
    stages : Stages
    planned : callable
        Gives the number of jobs of each rule as Snakemake knows it now.
    """

    def __init__(self, stages: Stages, planned: Callable[[], Mapping[str, int]]):
        super().__init__()
        self.stages, self._planned = stages, planned
        self._rule_of: dict[int, str] = {}
        self._ended: list[str] = []
        self._jobs = -1
        self.stages.plan(planned())

    def emit(self, record: logging.LogRecord) -> None:
        """Follow an event; no fault in these lines may end a run."""
        try:
            self._follow(record)
        except Exception:  # as `logging.Handler` wants it of every handler
            self.handleError(record)

    def _follow(self, record: logging.LogRecord) -> None:
        """Count jobs that start or end, and count all anew where a checkpoint has changed their number."""
        event = getattr(record, "event", "")
        if event == "job_info":
            self._rule_of[record.jobid] = record.rule_name
            self.stages.start(record.rule_name)
        elif event == "job_error":
            self.stages.fail(self._rule_of.pop(record.jobid, ""))
        elif event == "job_finished":
            self._ended.append(self._rule_of.pop(record.job_id, ""))
        elif event == "progress":  # follows the end of each job, and knows how many there are
            if record.total != self._jobs:
                self._jobs = record.total
                self.stages.plan(self._planned())
            while self._ended:
                self.stages.finish(self._ended.pop(0))

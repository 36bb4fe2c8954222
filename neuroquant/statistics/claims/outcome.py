"""What a verdict of the ledgers comes down to: one of a few kinds, by which pages count, colour and filter."""

import re

import pandas as pd

COUNTS = ("holds", "undecided", "contradicted")
"""Columns of the ledger of statements: how many comparisons came out so."""
HOLDS, UNDECIDED, CONTRADICTED = COUNTS
MIXED = "mixed"
INSIDE, OUTSIDE = "inside", "outside"
INCOMPARABLE, NOT_RUN, NO_NUMBER = "not comparable", "not run", "no number"
KINDS = {
    HOLDS: "every comparison is in favour of the statement, and significant after correction",
    MIXED: "some comparisons hold, and others are undecided or contradicted",
    UNDECIDED: "no comparison is significant, or there is no interval",
    CONTRADICTED: "the comparisons that decide are against the statement, and significant after correction",
    INSIDE: "the published number lies in our prediction interval, where it is to be expected",
    OUTSIDE: "the published number lies outside of our prediction interval",
    INCOMPARABLE: "a stand-in took part",
    NOT_RUN: "this experiment lacks a model, a cohort or a metric",
    NO_NUMBER: "no number decides it: it is about what pictures look like",
}
"""Kind of a verdict -> when it is given."""
BEGINNINGS = (
    ("no number", NO_NUMBER),
    ("not ", NOT_RUN),
    ("can't be compared", INCOMPARABLE),
    ("inside", INSIDE),
    ("outside", OUTSIDE),
    ("undecided", UNDECIDED),
    ("holds", HOLDS),
    ("contradicted", CONTRADICTED),
)
"""How a verdict without counts begins, and its kind."""
STAND_IN = re.compile(r" \((?:on a synthetic cohort|by a )[^)]*\)")
"""What a verdict says of a cohort or segmenter that stood in for the paper's."""


def kind_of(verdict: str, counts: dict[str, float] | None = None) -> str:
    """The kind of a verdict, one of `KINDS`.

    Parameters
    ----------
    counts : dict of str to float, optional
        How many comparisons hold, are undecided and contradicted, by the names in `COUNTS`; nan where nothing was
        compared.

    Examples
    --------
    >>> kind_of("of 3 comparisons: holds in 2, undecided in 1", {"holds": 2, "undecided": 1, "contradicted": 0})
    'mixed'
    >>> kind_of("outside: published higher than expected from ours")
    'outside'
    """
    present = [name for name in COUNTS if counts and not pd.isna(counts.get(name)) and counts[name] > 0]
    if HOLDS in present:
        return HOLDS if len(present) == 1 else MIXED
    if present:
        return present[-1]
    return next((kind for beginning, kind in BEGINNINGS if verdict.startswith(beginning)), NO_NUMBER)


def with_kinds(table: pd.DataFrame) -> pd.DataFrame:
    """A ledger with the columns `kind`, `stand_in` (whether one took part) and `words` (the verdict without it)."""
    counted = set(COUNTS) <= set(table.columns)
    counts = table[list(COUNTS)].astype(float).to_dict("records") if counted else [None] * len(table)
    kinds = [kind_of(verdict, count) for verdict, count in zip(table.verdict, counts, strict=True)]
    words = [STAND_IN.sub("", verdict) for verdict in table.verdict]
    stood_in = [verdict != bare for verdict, bare in zip(table.verdict, words, strict=True)]
    return table.assign(kind=kinds, stand_in=stood_in, words=words)


def counted(table: pd.DataFrame) -> dict[str, int]:
    """Kind -> how many lines of a ledger with kinds are of it, in the order of `KINDS`."""
    counts = table.kind.value_counts()
    return {kind: int(counts[kind]) for kind in KINDS if kind in counts}

"""A ledger of the tables' cells: for each the hash of the scores that it was computed from."""

import hashlib

import pandas as pd

CELLS = ["table", "cohort", "model", "modality", "metric", "value", "scores", "sha256"]
SCORES = ["subject", "session", "family", "value"]
"""Columns of the scores that are hashed, as CSV with 17 digits and in this order, sorted by subject and session."""


def ledger(tables: dict[str, pd.DataFrame], scores: pd.DataFrame) -> pd.DataFrame:
    """A row a cell.

    Parameters
    ----------
    tables : "table1" and "table2" -> the tidy cells.
    scores : every score, as `summarise.load_scores` gives them.
    """
    keys = ["cohort", "model", "modality", "metric"]
    hashed = {names: (len(part), fingerprint(part)) for names, part in scores.groupby(keys, sort=False)}
    rows = []
    for table, cells in tables.items():
        for cell in cells.itertuples(index=False):
            where = tuple(getattr(cell, name) for name in keys)
            rows.append([table, *where, cell.value, *hashed[where]])
    return pd.DataFrame(rows, columns=CELLS)


def fingerprint(scores: pd.DataFrame) -> str:
    """SHA-256 of some scores as text; the order in which they come doesn't matter."""
    ordered = scores[SCORES].sort_values(SCORES[:2], kind="stable")
    text = ordered.to_csv(index=False, lineterminator="\n", float_format="%.17g", na_rep="")
    return hashlib.sha256(text.encode()).hexdigest()

"""A ledger of the tables' cells: for each the hash of the scores that it was computed from."""

import csv
import hashlib
import io

import pandas as pd

from neuroquant.tables import CELL_KEY, HASHES

HASHED = ["subject", "session", "family", "value"]
"""Columns of the scores that are hashed, as CSV with 17 digits and in this order, sorted by
subject, session and value."""


def ledger(tables: dict[str, pd.DataFrame], cells: pd.DataFrame) -> pd.DataFrame:
    """A row per cell of the tables.

    Parameters
    ----------
    tables : dict of str to DataFrame
        "table1" and "table2" -> the tidy cells.
    cells : DataFrame
        As `cells.cells` gives them.
    """
    hashes = cells[[*CELL_KEY, "scores", "sha256"]]
    parts = [table.assign(table=name).merge(hashes, on=CELL_KEY, how="left") for name, table in tables.items()]
    return pd.concat(parts, ignore_index=True)[HASHES]


def fingerprint(scores: pd.DataFrame) -> str:
    """SHA-256 of some scores as text; the order in which they come doesn't matter."""
    rows = sorted(zip(*(scores[name] for name in HASHED), strict=True), key=lambda row: (*row[:2], row[3]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HASHED)
    writer.writerows((*names, "" if pd.isna(value) else f"{value:.17g}") for *names, value in rows)
    return hashlib.sha256(text.getvalue().encode()).hexdigest()

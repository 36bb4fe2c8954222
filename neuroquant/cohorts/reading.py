"""Reading of the tables that users supply: TSV or CSV, from whatever program."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from neuroquant.errors import InputError

UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_table(path: Path, key: Iterable[str]) -> list[dict[str, str]]:
    """Rows of a TSV or CSV; separator and BOM are recognised, rows without any value are dropped.

    The separator is the one with which the header has a column named in `key`, else the most frequent. Between tabs a
    quotation mark that is never closed is a character like any other, and takes no rows with it.

    Raises
    ------
    InputError
        If the table is missing, empty or not text, or its quotation marks don't pair.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-16" if raw.startswith(UTF16) else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "supply it, or correct `participants`"
        if path.suffix.lower() in (".xls", ".xlsx", ".ods"):
            remedy = "save the spreadsheet as CSV, and name that"
        raise InputError(str(path), f"not readable ({error})", "a UTF-8 table (TSV or CSV)", remedy) from None
    header = text.partition("\n")[0]
    wanted = {name.lower() for name in key}

    def fitness(separator: str) -> tuple[bool, int]:
        cells = {bare(cell).lower() for cell in header.split(separator)}
        return not wanted.isdisjoint(cells), header.count(separator)

    separator = max("\t,;", key=fitness)
    quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting, strict=True)
    try:
        rows = [_cells(path, table, row) for row in table]
    except csv.Error as error:
        where, expected = f"{path}, line {table.reader.line_num}", "quotation marks in pairs about whole cells"
        raise InputError(where, str(error), expected, "close or remove the quotation mark, there or above") from None
    rows = [row for row in rows if any(row.values())]
    if not rows:
        raise InputError(str(path), "no rows", "a header and a row per subject", "supply the table")
    return rows


def _cells(path: Path, table: csv.DictReader, row: dict) -> dict[str, str]:
    """Column -> cell of one row; more cells than columns are refused, since which cell is whose is unknown."""
    beyond = [cell for cell in row.pop(None, []) if bare(cell)]
    if beyond:
        count = len(table.fieldnames or ())
        raise InputError(
            f"{path}, line {table.reader.line_num}",
            f"more cells than the {count} columns of the header, at its end {', '.join(map(repr, beyond[:3]))}",
            "one cell per column",
            "name every column in the header; put numbers with a decimal comma into quotation marks, or separate cells "
            "by tabs or semicolons",
        )
    return {bare(name): bare(value or "") for name, value in row.items() if name}


def bare(cell: str) -> str:
    """A cell without spaces around it, nor quotation marks."""
    cell = cell.strip()
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"').strip() if quoted else cell

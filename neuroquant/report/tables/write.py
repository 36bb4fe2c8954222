"""The three forms of a table."""

from dataclasses import replace
from pathlib import Path

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.tables.latex import as_latex
from neuroquant.report.tables.layout import Numbers, lay_out
from neuroquant.report.tables.markdown import as_markdown
from neuroquant.report.tables.web import as_html

FORMS = {"md": as_markdown, "html": as_html, "tex": as_latex}
"""Kind of file -> what lays a table out so."""


def write_tables(
    experiment: Experiment, table: str, numbers: Numbers, more_notes: list[str], out: dict[str, Path]
) -> None:
    """Write a table in each of its forms.

    Parameters
    ----------
    table : str
        "table1" or "table2".
    more_notes : list of str
        Notes below those of the table itself.
    out : dict of str to Path
        Kind of file, of `FORMS` -> where to write it.
    """
    sheet = lay_out(experiment, table, numbers)
    sheet = replace(sheet, notes=[*sheet.notes, *more_notes])
    for kind, path in out.items():
        write_text(path, FORMS[kind](sheet))

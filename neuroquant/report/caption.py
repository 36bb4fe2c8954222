"""Captions of figures, tables and pages, as the files in `report/captions` have them: Snakemake shows these too."""

import html
import re
from pathlib import Path

CAPTIONS = Path(__file__).parent / "captions"


def paragraphs_of(name: str) -> list[str]:
    """Paragraphs of a caption, each a line.

    Parameters
    ----------
    name : str
        Of a file in `report/captions`.
    """
    text = (CAPTIONS / name).read_text(encoding="utf-8")
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def as_html(text: str) -> str:
    """A paragraph of a caption with its marks of reStructuredText as HTML."""
    text = re.sub(r"``(.+?)``", r"<code>\1</code>", html.escape(text))
    return re.sub(r"\*(.+?)\*", r"<em>\1</em>", text)

"""The tables are LaTeX that compiles, whatever stands in a label."""

import re
import shutil
import subprocess

import pytest

from neuroquant.report.tables.latex import as_latex
from neuroquant.report.tables.layout import Numbers, lay_out
from tests.made_up import write_table

PDFLATEX = shutil.which("pdflatex")
PAGE = r"""\documentclass[twocolumn]{article}
\usepackage[utf8]{inputenc}\usepackage{booktabs,graphicx}
\begin{document}
%s
\end{document}
"""


@pytest.mark.skipif(PDFLATEX is None, reason="pdflatex isn't installed (Debian: texlive-latex-recommended)")
@pytest.mark.parametrize("table", ["table1", "table2"])
def test_a_table_compiles_and_fits_the_page(tmp_path, experiment, numbers, table):
    numbers(tmp_path, experiment)
    odd = tuple(
        cohort.model_copy(update={"label": r"50% of A&B_{#1} \ ~ ^ $x$ [β-free]"}) if not number else cohort
        for number, cohort in enumerate(experiment.cohorts)
    )
    odd = tuple(cohort.model_copy(update={"label": cohort.label.replace("β", "b")}) for cohort in odd)
    experiment = experiment.model_copy(update={"cohorts": odd})
    cells, tests = write_table(tmp_path, experiment, table)
    sheet = lay_out(experiment, table, Numbers(cells, tests, {"sd_vae": ("8x", "65.5", "0.02")}))
    latex = as_latex(sheet)
    assert "{[}28.89" in latex or "[28.89]" in latex, "published values stand beside"
    (tmp_path / "page.tex").write_text(PAGE % latex)
    done = subprocess.run(
        [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "page.pdf").stat().st_size > 5000
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert not [points for points in wide if points > 1], done.stdout[-2000:]

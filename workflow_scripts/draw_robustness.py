"""Quality of reconstructions of spoiled scans, as a table and a figure."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.report.figures.robustness import draw
    from neuroquant.report.pages.figure_page import write_figure_page
    from neuroquant.report.pages.robustness import of_robustness
    from neuroquant.statistics.cells import write_csv
    from neuroquant.statistics.numbers import read_numbers
    from neuroquant.statistics.robustness import robust_cells

    experiment = read_part(snakemake.params.experiment)
    scores = read_numbers("robustness", Path(snakemake.input.scores), "value", "severity")
    cells = robust_cells(experiment, scores.astype({"severity": int}))
    write_csv(cells, Path(snakemake.output.csv))
    figure = (Path(snakemake.output.png), Path(snakemake.output.svg))
    draw(experiment, cells, snakemake.params.cohort, *figure)
    said = of_robustness(experiment, cells, snakemake.params.cohort)
    write_figure_page("robustness", figure[0], said, Path(snakemake.output.page))

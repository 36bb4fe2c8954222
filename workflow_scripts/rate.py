"""What every model costs in bits and seconds, and quality against bits."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    import pandas as pd

    from neuroquant.config.parts import read_part
    from neuroquant.report.figures.rate import draw
    from neuroquant.report.pages.conclusions import of_rate
    from neuroquant.report.pages.costs import Sources, write_costs
    from neuroquant.report.pages.figure_page import write_figure_page
    from neuroquant.report.sentences import classical_sentences
    from neuroquant.statistics.cells import write_csv
    from neuroquant.statistics.computed import read_cells
    from neuroquant.statistics.rate import ceilings, rates

    experiment = read_part(snakemake.params.experiment)
    shards = [Path(path) for path in snakemake.input.reconstructions]
    models = named_paths(snakemake.params.models)
    out = (Path(snakemake.output.costs), Path(snakemake.output.costs_page))
    table = write_costs(experiment, Sources(shards, models, Path(snakemake.input.spread)), *out)
    figure = (Path(snakemake.output.png), Path(snakemake.output.svg))
    cells = read_cells(Path(snakemake.input.cells))
    points = rates(experiment, table, cells)
    write_csv(points, Path(snakemake.output.csv))
    draw(experiment, points, ceilings(cells), *figure)
    beaten = classical_sentences(experiment, pd.read_csv(snakemake.input.against_full), table)
    write_figure_page("rate", figure[0], of_rate(experiment, points, cells, beaten), Path(snakemake.output.page))

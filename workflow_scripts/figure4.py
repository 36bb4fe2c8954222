"""Draw figure 4, and write its page."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.report.figures.figure4 import draw, regional
    from neuroquant.report.pages.conclusions import of_figure4
    from neuroquant.report.pages.figure_page import write_figure_page

    experiment = read_part(snakemake.params.experiment)
    pictures = (snakemake.output.png, snakemake.output.svg, snakemake.output.pdf)
    draw(Path(snakemake.input.regions), experiment, *map(Path, pictures))
    shown = regional(Path(snakemake.input.regions), experiment)
    said = of_figure4(experiment, shown.limits, set(shown.volumes.stand_in) - {""})
    write_figure_page("figure4", Path(snakemake.output.png), said, Path(snakemake.output.page))

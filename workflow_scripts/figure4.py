"""Draw figure 4."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.report.figures.figure4 import draw

    experiment = read_part(snakemake.params.experiment)
    pictures = (snakemake.output.png, snakemake.output.svg, snakemake.output.pdf)
    draw(Path(snakemake.input.regions), experiment, *map(Path, pictures))

"""Draw figure 3."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.reporting.figure3 import draw

    rows, paths = snakemake.params.rows, [Path(path) for path in snakemake.input.reconstructions]
    count = len(snakemake.input.volumes)
    draw(
        Path(snakemake.input.fidelity),
        snakemake.params.cohort,
        rows,
        [Path(path) for path in snakemake.input.volumes],
        {row: paths[count * index : count * (index + 1)] for index, row in enumerate(rows)},
        Path(snakemake.output.png),
        Path(snakemake.output.svg),
    )

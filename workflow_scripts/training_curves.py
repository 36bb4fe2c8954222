"""Draw the training curves of all rows."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.reporting.training_curves import draw

    curves = dict(zip(snakemake.params.labels, map(Path, snakemake.input.curves), strict=True))
    draw(curves, Path(snakemake.output.picture))

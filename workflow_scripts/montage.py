"""Draw a montage of preprocessed volumes."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.reporting.montage import draw

    draw([Path(path) for path in snakemake.input.volumes], snakemake.params.cohort, Path(snakemake.output.picture))

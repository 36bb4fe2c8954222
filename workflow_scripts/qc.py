"""Gather the QC tables of a cohort and draw their distributions."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.report.pages.qc import draw

    draw(
        [Path(path) for path in snakemake.input.qc],
        snakemake.params.cohort,
        snakemake.params.identifiable,
        Path(snakemake.output.table),
        Path(snakemake.output.picture),
    )

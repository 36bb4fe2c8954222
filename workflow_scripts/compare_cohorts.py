"""Prove that no image is in different splits of two cohorts."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.cohorts.proof import write_comparison

    qc, splits = named_paths(snakemake.params.qc), named_paths(snakemake.params.splits)
    write_comparison(qc, splits, Path(snakemake.output.table), snakemake.params.external)

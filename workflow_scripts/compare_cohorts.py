"""Prove that no image is in different splits of two cohorts."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.cohorts.proof import write_comparison

    qc, splits = (
        {cohort: Path(path) for cohort, path in zip(snakemake.params.cohorts, paths, strict=True)}
        for paths in (snakemake.input.qc, snakemake.input.splits)
    )
    write_comparison(qc, splits, Path(snakemake.output.table))

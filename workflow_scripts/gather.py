"""Gather the score tables of all shards."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.statistics.gather import gather

    gather(
        snakemake.wildcards.numbers,
        [Path(path) for path in snakemake.input.scores],
        Path(snakemake.output.numbers),
    )

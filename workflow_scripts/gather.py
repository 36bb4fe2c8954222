"""Gather the score tables of all shards."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.statistics.gather import gather

    gather(
        snakemake.wildcards.numbers,
        [Path(path) for path in snakemake.input.scores],
        Path(snakemake.output.numbers),
    )

"""Decide from the headers which sessions are in."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.cohorts.census import write_unseen
    from neuroquant.cohorts.index import index_cohort
    from neuroquant.cohorts.source import Source

    source = Source.from_parameters(snakemake.params)
    inventory, sessions = Path(snakemake.input.inventory), Path(snakemake.output.sessions)
    index_cohort(source, inventory, sessions, Path(snakemake.output.excluded))
    write_unseen(source, inventory, sessions.parent, Path(snakemake.output.unseen))

"""Make a synthetic cohort and take its inventory."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.cohorts.inventory import refresh_inventory
    from neuroquant.cohorts.source import Source
    from neuroquant.synthetic.bids import write_cohort

    source = Source.from_parameters(snakemake.params)
    write_cohort(source.cohort, source.root, source.modalities)
    refresh_inventory(source, Path(snakemake.output.inventory))

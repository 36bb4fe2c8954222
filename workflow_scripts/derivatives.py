"""Write what one model made of a cohort's test sessions as BIDS derivatives."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.derivatives.workflow import Inputs, ShardPaths, write_derivatives

    write_derivatives(
        Inputs(
            Path(snakemake.input.model).parent,
            Path(snakemake.params.root),
            snakemake.params.title,
            tuple(ShardPaths(**files) for files in named_paths(snakemake.params.shards).values()),
            tuple(Path(path) for path in snakemake.input.training),
        ),
        Path(snakemake.output.derivatives),
        device=snakemake.params.device,
        threads=snakemake.threads,
    )

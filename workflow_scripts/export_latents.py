"""Write the latents of training and validation."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.evaluation.latents import export_latents

    shards = list(snakemake.output.keys())
    export_latents(
        Path(snakemake.input.model).parent,
        [Path(snakemake.input[shard]) for shard in shards],
        [Path(snakemake.output[shard]) for shard in shards],
        device=snakemake.params.device,
        threads=snakemake.threads,
    )

"""Reconstruct one shard with one model."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.evaluation.reconstruct import reconstruct_shard

    reconstruct_shard(
        Path(snakemake.input.model).parent,
        Path(snakemake.input.volumes),
        Path(snakemake.output.reconstructions),
        Path(snakemake.output.latents),
        device=snakemake.params.device,
        threads=snakemake.threads,
    )

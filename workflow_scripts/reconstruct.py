"""Reconstruct one shard with one model."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard

    reconstruct_shard(
        Inputs(
            model=Path(snakemake.input.model).parent,
            volumes=Path(snakemake.input.volumes),
            training=[Path(path) for path in snakemake.input.training],
        ),
        Outputs(*(Path(path) for path in snakemake.output)),
        snakemake.params.synthesis_window or None,
        device=snakemake.params.device,
        threads=snakemake.threads,
    )

"""Write the latents of training and validation."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.evaluation.latents import export_latents

    export_latents(
        Path(snakemake.input.model).parent,
        [Path(path) for path in snakemake.input.volumes],
        [Path(path) for path in snakemake.output.latents],
        device=snakemake.params.device,
        threads=snakemake.threads,
    )

"""Reconstruct one shard with one model."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.evaluation.fidelity import Scoring
    from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard

    window = snakemake.params.synthesis_window
    lpips = tuple(Path(path) for path in snakemake.input.lpips)
    reconstruct_shard(
        Inputs(
            model=Path(snakemake.input.model).parent,
            volumes=Path(snakemake.input.volumes),
            **{name: [Path(path) for path in snakemake.input[name]] for name in ("training", "validation")},
        ),
        Outputs(**{name: Path(path) for name, path in snakemake.output.items()}),
        Scoring.of_synthesis(window, lpips) if window else None,
        device=snakemake.params.device,
        threads=snakemake.threads,
    )

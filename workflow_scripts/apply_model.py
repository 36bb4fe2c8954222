"""Apply one model to all cohorts: latents of training and validation, then reconstructions of the test subjects."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.evaluation.apply import apply_model
    from neuroquant.evaluation.fidelity import Scoring

    window = snakemake.params.synthesis_window
    lpips = tuple(Path(path) for path in snakemake.input.lpips)
    apply_model(
        Path(snakemake.input.model).parent,
        *(named_paths(snakemake.params[name]) for name in ("encoded", "reconstructed", "learned_from")),
        Scoring.of_synthesis(window, lpips) if window else None,
        dict(device=snakemake.params.device, threads=snakemake.threads),
    )

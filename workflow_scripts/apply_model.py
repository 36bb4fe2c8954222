"""Apply one model to all cohorts: latents of training and validation, then reconstructions of the test subjects."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.evaluation.fidelity import Scoring
    from neuroquant.evaluation.latents import export_latents
    from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard

    model = Path(snakemake.input.model).parent
    common = dict(device=snakemake.params.device, threads=snakemake.threads)
    for shards in named_paths(snakemake.params.encoded).values():
        files = list(shards.values())
        export_latents(model, [file["volumes"] for file in files], [file["latents"] for file in files], **common)

    window = snakemake.params.synthesis_window
    lpips = tuple(Path(path) for path in snakemake.input.lpips)
    scoring = Scoring.of_synthesis(window, lpips) if window else None
    training = named_paths(snakemake.params.training)
    for cohort, shards in named_paths(snakemake.params.reconstructed).items():
        learned = list(training[cohort].values())
        for file in shards.values():
            reconstruct_shard(Inputs(model, file.pop("volumes"), learned), Outputs(**file), scoring, **common)

"""How well anatomy and appearance are apart in the latents of one cohort's test subjects, all models together."""

import json

from neuroquant.job import images_by_model, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Statistics
    from neuroquant.evaluation.disentanglement import write_disentanglement

    volumes, latents = images_by_model(snakemake.params.files)
    write_disentanglement(
        volumes,
        latents,
        Statistics.model_validate(json.loads(snakemake.params.statistics)),
        Path(snakemake.output.table),
        threads=snakemake.threads,
    )

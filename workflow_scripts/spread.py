"""How much the reconstructions of all models vary between the test subjects of one cohort."""

from neuroquant.job import images_by_model, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.evaluation.spread import score_spread

    volumes, models = images_by_model(snakemake.params.files)
    score_spread(volumes, models, Path(snakemake.output.spread))

"""How much the reconstructions of all rows vary between the test subjects of one cohort."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.evaluation.spread import score_spread

    rows, volumes = snakemake.params.rows, [Path(path) for path in snakemake.input.volumes]
    paths = [Path(path) for path in snakemake.input.reconstructions]
    shards = {row: paths[len(volumes) * n : len(volumes) * (n + 1)] for n, row in enumerate(rows)}
    score_spread(volumes, shards, Path(snakemake.output.spread))

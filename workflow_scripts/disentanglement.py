"""How well anatomy and appearance are apart in the latents of one cohort's test subjects, all rows together."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Statistics
    from neuroquant.evaluation.disentanglement import write_disentanglement

    rows, volumes = snakemake.params.rows, [Path(path) for path in snakemake.input.volumes]
    paths = [Path(path) for path in snakemake.input.latents]
    write_disentanglement(
        volumes,
        {row: paths[len(volumes) * n : len(volumes) * (n + 1)] for n, row in enumerate(rows)},
        Statistics.model_validate(json.loads(snakemake.params.statistics)),
        Path(snakemake.output.table),
        threads=snakemake.threads,
    )

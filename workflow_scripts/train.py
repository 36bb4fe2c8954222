"""Train one row."""

import json

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.config.model import ModelRow
    from neuroquant.config.volume import Volume
    from neuroquant.training.run import train

    train(
        row=ModelRow.model_validate(json.loads(snakemake.params.row)),
        volume=Volume.model_validate(json.loads(snakemake.params.volume)),
        train_shards=[Path(path) for path in snakemake.input.train],
        val_shards=[Path(path) for path in snakemake.input.val],
        folder=Path(snakemake.params.folder),
        checkpoints=Path(snakemake.params.checkpoints),
        pictures=Path(snakemake.params.pictures),
        device=snakemake.params.device,
        threads=snakemake.threads,
        provenance={},
    )

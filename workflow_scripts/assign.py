"""Write one manifest a shard."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.cohorts.shards import write_manifests
    from neuroquant.config.volume import Shards

    write_manifests(
        Path(snakemake.input.sessions),
        Path(snakemake.input.splits),
        Shards.model_validate(json.loads(snakemake.params.shards)),
        Path(snakemake.params.folder),
    )

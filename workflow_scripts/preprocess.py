"""Turn the scans of one shard into volumes."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.volume import Volume
    from neuroquant.segmentation.finders import finders
    from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
    from neuroquant.volumes.work import Preprocessing

    volume = Volume.model_validate(json.loads(snakemake.params.volume))
    engine = json.loads(snakemake.params.segmentation)
    masks = finders(volume.brain_mask, engine, snakemake.params.device, snakemake.threads)
    preprocess_shard(
        Path(snakemake.input.manifest),
        ShardFiles(*(Path(snakemake.output[name]) for name in ("volumes", "qc", "excluded"))),
        Preprocessing(Path(snakemake.params.root), volume, tuple(json.loads(snakemake.params.modalities)), masks),
    )

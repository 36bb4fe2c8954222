"""Turn the scans of one shard into volumes."""

import json

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.config.volume import Volume
    from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
    from neuroquant.volumes.work import Preprocessing

    volume = Volume.model_validate(json.loads(snakemake.params.volume))
    segment = None
    if volume.synthseg_mask:
        from neuroquant.segmentation.engine import labels_with

        segment = labels_with(json.loads(snakemake.params.segmentation), snakemake.params.device, snakemake.threads)
    preprocess_shard(
        Path(snakemake.input.manifest),
        ShardFiles(*(Path(snakemake.output[name]) for name in ("volumes", "qc", "excluded"))),
        Preprocessing(Path(snakemake.params.root), volume, tuple(json.loads(snakemake.params.modalities)), segment),
    )

"""Segment the images of one shard."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Segmentation
    from neuroquant.evaluation.anatomy.segment import segment_shard
    from neuroquant.segmentation.engine import open_segmenter

    settings = Segmentation.model_validate(json.loads(snakemake.params.segmentation))
    segmenter = open_segmenter(
        settings,
        Path(snakemake.input.segmenter) if snakemake.input.segmenter else None,
        device=snakemake.params.device,
        threads=snakemake.threads,
    )
    segment_shard(Path(snakemake.input.images), Path(snakemake.output.segmentations), segmenter, settings.ceiling)

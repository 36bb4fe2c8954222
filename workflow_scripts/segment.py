"""Segment the images of one shard: originals, or reconstructions by one model or by several."""

import json

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Segmentation
    from neuroquant.evaluation.anatomy.segment import segment_shards
    from neuroquant.segmentation.engine import open_segmenter

    settings = Segmentation.model_validate(json.loads(snakemake.params.segmentation))
    segmenter = open_segmenter(
        settings,
        Path(snakemake.input.segmenter) if snakemake.input.segmenter else None,
        device=snakemake.params.device,
        threads=snakemake.threads,
    )
    out = {name: Path(path) for name, path in snakemake.output.items()}
    segment_shards(named_paths(snakemake.params.images), out, segmenter, settings.ceiling)

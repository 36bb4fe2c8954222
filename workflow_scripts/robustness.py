"""Score what all models make of spoiled test scans of one shard."""

import json

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Segmentation
    from neuroquant.config.robustness import Robustness
    from neuroquant.device import use_threads
    from neuroquant.evaluation.robustness.score import Rulers, score_robustness
    from neuroquant.segmentation.engine import open_segmenter

    use_threads(snakemake.threads)
    segmentation = Segmentation.model_validate(json.loads(snakemake.params.segmentation))
    atlas = Path(snakemake.input.segmenter) if snakemake.input.segmenter else None
    segmenter = (
        None
        if segmentation.engine == "none"
        else open_segmenter(segmentation, atlas, snakemake.params.device, snakemake.threads)
    )
    score_robustness(
        Path(snakemake.input.volumes),
        {name: weights.parent for name, weights in named_paths(snakemake.params.models).items()},
        Robustness.model_validate(json.loads(snakemake.params.robustness)),
        Rulers(snakemake.params.window, segmenter, tuple(snakemake.params.structures)),
        Path(snakemake.output.scores),
        snakemake.params.device,
    )

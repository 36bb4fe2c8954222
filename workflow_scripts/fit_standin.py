"""Fit the stand-in segmenter."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Standin
    from neuroquant.device import use_threads
    from neuroquant.segmentation.atlas import fit_standin

    use_threads(snakemake.threads)
    fit_standin(
        [Path(path) for path in snakemake.input.volumes],
        Standin.model_validate(json.loads(snakemake.params.standin)),
        Path(snakemake.output.atlas),
    )

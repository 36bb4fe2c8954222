"""PSNR and SSIM of one model on one shard."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Fidelity
    from neuroquant.evaluation.fidelity import score_fidelity

    score_fidelity(
        Path(snakemake.input.volumes),
        Path(snakemake.input.reconstructions),
        snakemake.wildcards.model,
        Fidelity.model_validate(json.loads(snakemake.params.fidelity)),
        Path(snakemake.output.scores),
        threads=snakemake.threads,
    )

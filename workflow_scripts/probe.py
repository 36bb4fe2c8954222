"""Sex from latents or volumes."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Probe
    from neuroquant.evaluation.probe.run import run_probe

    run_probe(
        train=[Path(path) for path in snakemake.input.train],
        val=[Path(path) for path in snakemake.input.val],
        test=[Path(path) for path in snakemake.input.test],
        array=snakemake.params.array,
        model=snakemake.params.model,
        settings=Probe.model_validate(json.loads(snakemake.params.probe)),
        out_tsv=Path(snakemake.output.predictions),
        log_tsv=Path(snakemake.output.curve),
        checkpoints=Path(snakemake.params.checkpoints),
        code=snakemake.params.code,
        device=snakemake.params.device,
        threads=snakemake.threads,
    )

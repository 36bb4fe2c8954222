"""Sex from latents or volumes."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Probe
    from neuroquant.evaluation.probe.run import Outputs, Shards, Task, run_probe

    splits = {
        split: [Path(path) for path in paths]
        for split, paths in (
            ("train", snakemake.input.train),
            ("val", snakemake.input.val),
            ("test", snakemake.input.test),
        )
    }
    run_probe(
        Shards(**splits, array=snakemake.params.array),
        Task(
            model=snakemake.params.model,
            settings=Probe.model_validate(json.loads(snakemake.params.probe)),
            code=snakemake.params.code,
            device=snakemake.params.device,
            threads=snakemake.threads,
        ),
        Outputs(
            predictions=Path(snakemake.output.predictions),
            curve=Path(snakemake.output.curve),
            checkpoints=Path(snakemake.params.checkpoints),
        ),
    )

"""Sex from latents or volumes."""

import json

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Probe
    from neuroquant.evaluation.probe.run import Outputs, Shards, Task, run_probes

    arrays = json.loads(snakemake.params.arrays)
    checkpoints = named_paths(snakemake.params.checkpoints)
    settings = Probe.model_validate(json.loads(snakemake.params.probe))

    def task(model):
        """What is probed of a model."""
        return Task(
            model=model,
            settings=settings,
            checkpoints=checkpoints[model],
            code=snakemake.params.code,
            device=snakemake.params.device,
            threads=snakemake.threads,
        )

    probed = [
        (Shards(**{split: list(paths.values()) for split, paths in splits.items()}, array=arrays[model]), task(model))
        for model, splits in named_paths(snakemake.params.shards).items()
    ]
    run_probes(probed, Outputs(*map(Path, (snakemake.output.predictions, snakemake.output.curve))))

"""Sex from latents or volumes."""

import json

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Probe
    from neuroquant.evaluation.probe.run import Outputs, Shards, Task, run_probes

    arrays = json.loads(snakemake.params.arrays)
    checkpoints = named_paths(snakemake.params.checkpoints)
    common = dict(
        settings=Probe.model_validate(json.loads(snakemake.params.probe)),
        code=snakemake.params.code,
        device=snakemake.params.device,
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
    shards = {
        model: Shards(**{split: list(paths.values()) for split, paths in splits.items()}, array=arrays[model])
        for model, splits in named_paths(snakemake.params.shards).items()
    }
    run_probes(
        [(shards[model], Task(model=model, checkpoints=checkpoints[model], **common)) for model in shards],
        Outputs(Path(snakemake.output.predictions), Path(snakemake.output.curve)),
    )

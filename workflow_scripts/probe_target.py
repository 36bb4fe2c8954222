"""A target beside the paper's sex from latents or volumes."""

import json

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Probe
    from neuroquant.evaluation.probe.run import Outputs, probed, run_probes
    from neuroquant.evaluation.probe.targets import read_aim

    asked = probed(
        named_paths(snakemake.params.shards),
        json.loads(snakemake.params.arrays),
        named_paths(snakemake.params.checkpoints),
        aim=read_aim(snakemake.params.aim[1], Path(snakemake.input.facts), Path(snakemake.input.known)),
        settings=Probe.model_validate(json.loads(snakemake.params.probe)),
        code=snakemake.params.code,
        device=snakemake.params.device,
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
    run_probes(asked, Outputs(Path(snakemake.output.predictions), Path(snakemake.output.curve)))

"""Fidelity of all models on one shard."""

import json

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.evaluation import Fidelity
    from neuroquant.evaluation.fidelity import score_fidelity

    score_fidelity(
        Path(snakemake.input.volumes),
        named_paths(snakemake.params.reconstructions),
        Fidelity.model_validate(json.loads(snakemake.params.fidelity)),
        Path(snakemake.output.scores),
        threads=snakemake.threads,
        lpips=tuple(Path(path) for path in snakemake.input.lpips),
    )

"""Intervals and tests of all scores, once for everything that shows them."""

import json

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.statistics.computed import Computed
    from neuroquant.statistics.scores import ScoreFiles, load_scores

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    files = ScoreFiles.named(snakemake.input)
    out = {name: Path(path) for name, path in snakemake.output.items()}
    Computed.of(experiment, load_scores(experiment, files)).write(out["cells"], out["tests"], out["against_mean"])

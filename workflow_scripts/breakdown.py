"""Agreement of volumes, groups of subjects, the worst reconstructions."""

import json

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.reporting.breakdown import write_breakdown

    write_breakdown(
        Experiment.model_validate(json.loads(snakemake.params.experiment)),
        Path(snakemake.input.regions),
        Path(snakemake.input.fidelity),
        dict(zip(snakemake.params.cohorts, map(Path, snakemake.input.sessions), strict=True)),
        [Path(snakemake.output.agreement), Path(snakemake.output.groups)],
        Path(snakemake.output.page),
    )

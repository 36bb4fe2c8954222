"""The final account of a cohort, and the proof of its split."""

import json

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.cohorts.accounting import Preprocessed, Sessions, account
    from neuroquant.config.cohort import Cohort

    account(
        Sessions(Path(snakemake.input.sessions), Path(snakemake.input.excluded)),
        Path(snakemake.input.splits),
        Preprocessed([Path(path) for path in snakemake.input.shards], [Path(path) for path in snakemake.input.qc]),
        Sessions(Path(snakemake.output.sessions), Path(snakemake.output.excluded)),
        Path(snakemake.output.proof),
        Cohort.model_validate(json.loads(snakemake.params.cohort)),
    )

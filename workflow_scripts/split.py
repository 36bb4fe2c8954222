"""Split a cohort by family and subject."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.cohorts.split import write_splits
    from neuroquant.config.volume import Split

    write_splits(
        Path(snakemake.input.sessions),
        Path(snakemake.output.splits),
        Split.model_validate(json.loads(snakemake.params.split)),
        snakemake.wildcards.cohort,
    )

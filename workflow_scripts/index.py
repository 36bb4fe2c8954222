"""Decide from the headers which sessions are in."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.cohorts.census import write_unseen
    from neuroquant.cohorts.index import index_cohort
    from neuroquant.config.cohort import Cohort

    cohort, root = Cohort.model_validate(json.loads(snakemake.params.cohort)), Path(snakemake.params.root)
    inventory, sessions = Path(snakemake.input.inventory), Path(snakemake.output.sessions)
    index_cohort(
        cohort,
        root,
        inventory,
        sessions,
        Path(snakemake.output.excluded),
        snakemake.params.registration,
    )
    write_unseen(cohort, root, inventory, sessions.parent, Path(snakemake.output.unseen))

"""Make an embedded cohort and take its inventory."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.cohorts.inventory import refresh_inventory
    from neuroquant.config.cohort import Cohort
    from neuroquant.synthetic import write_cohort

    cohort = Cohort.model_validate(json.loads(snakemake.params.cohort))
    root = Path(snakemake.params.root)
    write_cohort(cohort, root)
    refresh_inventory(cohort, root, Path(snakemake.output.inventory))

"""Measures and controls of the sex probes, as numbers and as a page."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.report.pages.probes import write_page
    from neuroquant.statistics.probes import Cohort, write_details

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    paths = (snakemake.input.sessions, snakemake.input.qc, snakemake.input.splits)
    cohorts = [Cohort(name, *map(Path, files)) for name, *files in zip(snakemake.params.cohorts, *paths, strict=True)]
    write_details(Path(snakemake.input.predictions), cohorts, experiment.statistics, Path(snakemake.output.details))
    write_page(experiment, Path(snakemake.output.details), Path(snakemake.output.page))

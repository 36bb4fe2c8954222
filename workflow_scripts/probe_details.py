"""Measures and controls of the sex probes, as numbers and as a page."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.report.pages.probes import write_page
    from neuroquant.statistics.probes import Cohort, write_details

    experiment = read_part(snakemake.params.experiment)
    cohorts = [Cohort(name, **files) for name, files in named_paths(snakemake.params.cohorts).items()]
    write_details(Path(snakemake.input.predictions), cohorts, experiment, Path(snakemake.output.details))
    write_page(experiment, Path(snakemake.output.details), Path(snakemake.output.page))

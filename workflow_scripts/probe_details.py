"""Measures and controls of the sex probes, as numbers and as a page."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.report.pages.probes import write_page
    from neuroquant.statistics.probes import Cohort, write_details

    experiment = read_part(snakemake.params.experiment)
    cohorts = [Cohort(name, **files) for name, files in named_paths(snakemake.params.cohorts).items()]
    further = tuple(entry.name for entry in experiment.models if entry.replicate_of)
    out = Path(snakemake.output.details)
    write_details(Path(snakemake.input.predictions), cohorts, experiment.statistics, out, further)
    write_page(experiment, Path(snakemake.output.details), Path(snakemake.output.page))

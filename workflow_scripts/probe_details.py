"""Measures and controls of the sex probes, as numbers and as a page."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.report.pages.probes import write_page
    from neuroquant.statistics.probes import cohorts_of, write_details
    from neuroquant.statistics.trainings import further

    experiment = read_part(snakemake.params.experiment)
    cohorts = cohorts_of(experiment, named_paths(snakemake.params.cohorts), snakemake.params.scored)
    predictions, out = Path(snakemake.input.predictions), Path(snakemake.output.details)
    write_details(predictions, cohorts, experiment.statistics, out, further(experiment))
    write_page(experiment, out, Path(snakemake.output.page), snakemake.input.get("targets"))

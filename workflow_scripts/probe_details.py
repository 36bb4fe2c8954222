"""Measures and controls of the sex probes, as numbers and as a page."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from dataclasses import replace
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.report.pages.probes import write_page
    from neuroquant.statistics.probes import Cohort, write_details

    experiment = read_part(snakemake.params.experiment)
    own = {name: Cohort(name, **files) for name, files in named_paths(snakemake.params.cohorts).items()}
    learned_from = tuple(own[name] for name in experiment.training_cohorts if name in own)
    cohorts = [
        replace(own[name], learned_from=learned_from) if experiment.cohort(name).external else own[name]
        for name in snakemake.params.scored
    ]
    further = tuple(entry.name for entry in experiment.models if entry.replicate_of)
    out = Path(snakemake.output.details)
    write_details(Path(snakemake.input.predictions), cohorts, experiment.statistics, out, further)
    write_page(experiment, Path(snakemake.output.details), Path(snakemake.output.page), snakemake.input.get("targets"))

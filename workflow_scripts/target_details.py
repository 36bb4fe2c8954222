"""Measures and controls of the probes of targets, as numbers."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from dataclasses import replace
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.statistics.probes import Cohort
    from neuroquant.statistics.targets import read_target, write_targets

    experiment = read_part(snakemake.params.experiment)
    own = {name: Cohort(name, **files) for name, files in named_paths(snakemake.params.cohorts).items()}
    learned_from = tuple(own[name] for name in experiment.training_cohorts if name in own)
    cohorts = [
        replace(own[name], learned_from=learned_from) if experiment.cohort(name).external else own[name]
        for name in snakemake.params.scored
    ]
    further = tuple(entry.name for entry in experiment.models if entry.replicate_of)
    tables = zip(snakemake.input.facts, snakemake.input.known, strict=True)
    targets = [read_target(Path(facts), Path(known)) for facts, known in tables]
    predictions, out = Path(snakemake.input.predictions), Path(snakemake.output.details)
    write_targets(predictions, targets, cohorts, experiment.statistics, out, further)

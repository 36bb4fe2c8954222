"""Measures and controls of the probes of targets, as numbers."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.statistics.probes import cohorts_of
    from neuroquant.statistics.targets import read_target, write_targets
    from neuroquant.statistics.trainings import further

    experiment = read_part(snakemake.params.experiment)
    cohorts = cohorts_of(experiment, named_paths(snakemake.params.cohorts), snakemake.params.scored)
    tables = zip(snakemake.input.facts, snakemake.input.known, strict=True)
    targets = [read_target(Path(facts), Path(known)) for facts, known in tables]
    predictions, out = Path(snakemake.input.predictions), Path(snakemake.output.details)
    write_targets(predictions, targets, cohorts, experiment.statistics, out, further(experiment))

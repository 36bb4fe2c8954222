"""What a target of the probes is, and what is known of each session."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.cohorts.targets import write_target

    write_target(
        snakemake.params.target,
        snakemake.params.most_classes,
        [Path(path) for path in snakemake.input.sessions],
        Path(snakemake.output.facts),
        Path(snakemake.output.known),
    )

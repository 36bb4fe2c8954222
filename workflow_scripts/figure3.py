"""Draw figure 3, and the viewer of the same reconstructions."""

import json

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.report.figures.figure3 import draw
    from neuroquant.report.pages.viewer import choose, write_viewer
    from neuroquant.statistics.against_mean import against_mean, verdicts
    from neuroquant.statistics.cells import load_fidelity

    rows, paths = snakemake.params.rows, [Path(path) for path in snakemake.input.reconstructions]
    fidelity, volumes = Path(snakemake.input.fidelity), [Path(path) for path in snakemake.input.volumes]
    shards = {row: paths[len(volumes) * n : len(volumes) * (n + 1)] for n, row in enumerate(rows)}
    pictures = (snakemake.output.png, snakemake.output.svg, snakemake.output.pdf)
    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    told = verdicts(against_mean(experiment, load_fidelity(experiment, fidelity)))
    draw(fidelity, snakemake.params.cohort, rows, volumes, shards, *map(Path, pictures), told=told)
    viewed = snakemake.params.viewed
    chosen = choose(fidelity, snakemake.params.cohort, viewed, snakemake.params.identifiable)
    write_viewer(chosen, rows[viewed], volumes, shards[viewed], Path(snakemake.output.viewer))

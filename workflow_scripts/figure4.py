"""Draw figure 4."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.report.figures.figure4 import draw

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    pictures = (snakemake.output.png, snakemake.output.svg, snakemake.output.pdf)
    draw(Path(snakemake.input.regions), experiment, *map(Path, pictures))

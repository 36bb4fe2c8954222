"""What every row costs in bits and seconds, and quality against bits."""

import json

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    import pandas as pd

    from neuroquant.config.experiment import Experiment
    from neuroquant.reporting.rate import draw, write_costs

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    shards = [Path(path) for path in snakemake.input.reconstructions]
    table = write_costs(experiment, shards, Path(snakemake.output.costs), Path(snakemake.output.page))
    cells = pd.read_csv(snakemake.input.cells)
    draw(experiment, table, cells, Path(snakemake.output.png), Path(snakemake.output.svg))

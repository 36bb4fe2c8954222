"""What every model costs in bits and seconds, and quality against bits."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.report.figures.rate import draw
    from neuroquant.report.pages.costs import Sources, write_costs
    from neuroquant.statistics.cells import load_scores, write_csv
    from neuroquant.statistics.rate import ceilings, rates

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    shards = [Path(path) for path in snakemake.input.reconstructions]
    models = dict(zip(snakemake.params.rows, map(Path, snakemake.input.models), strict=True))
    out = (Path(snakemake.output.costs), Path(snakemake.output.page))
    table = write_costs(experiment, Sources(shards, models, Path(snakemake.input.spread)), *out)
    numbers = (Path(snakemake.input[name]) for name in ("fidelity", "dice", "predictions"))
    figure = (Path(snakemake.output.png), Path(snakemake.output.svg))
    scores = load_scores(experiment, *numbers)
    points = rates(experiment, table, scores)
    write_csv(points, Path(snakemake.output.csv))
    draw(experiment, points, ceilings(scores), *figure)

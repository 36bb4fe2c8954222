"""Summarise the scores into one table, and lay it out."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    import pandas as pd

    from neuroquant.config.experiment import Experiment
    from neuroquant.report.sentences import budget_notes
    from neuroquant.report.tables.layout import Numbers
    from neuroquant.report.tables.model_facts import read_costs
    from neuroquant.report.tables.write import write_tables
    from neuroquant.statistics.budgets import budgets
    from neuroquant.statistics.cells import summarise, write_against_mean, write_csv

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    table = snakemake.wildcards.table
    csv, tests = Path(snakemake.output.csv), Path(snakemake.output.tests)
    scores = [Path(path) for path in (snakemake.input.fidelity, snakemake.input.dice, snakemake.input.predictions)]
    summarise(experiment, table, *scores, csv, tests)
    write_against_mean(experiment, table, scores[0], Path(snakemake.output.mean))
    models = dict(zip(snakemake.params.rows, map(Path, snakemake.input.models), strict=True))
    spent = budgets(experiment, table, models)
    write_csv(spent, Path(snakemake.output.budgets))
    numbers = Numbers(pd.read_csv(csv), pd.read_csv(tests), read_costs(models))
    forms = {kind: Path(snakemake.output[kind]) for kind in ("md", "html", "tex")}
    write_tables(experiment, table, numbers, budget_notes(experiment, spent), forms)

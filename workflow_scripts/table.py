"""Summarise the scores into one table, and lay it out."""

import json

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.report.tables import read_costs, write_tables
    from neuroquant.statistics.budgets import budgets
    from neuroquant.statistics.cells import summarise, write_against_mean, write_csv

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    table = snakemake.wildcards.table
    csv, tests = Path(snakemake.output.csv), Path(snakemake.output.tests)
    scores = [Path(path) for path in (snakemake.input.fidelity, snakemake.input.dice, snakemake.input.predictions)]
    summarise(experiment, table, *scores, csv, tests)
    forms = [Path(path) for path in (snakemake.output.md, snakemake.output.html, snakemake.output.tex)]
    write_against_mean(experiment, table, scores[0], Path(snakemake.output.mean))
    models = dict(zip(snakemake.params.rows, map(Path, snakemake.input.models), strict=True))
    spent = budgets(experiment, table, models)
    write_csv(spent, Path(snakemake.output.budgets))
    write_tables(experiment, table, csv, tests, read_costs(models), *forms, spent=spent)

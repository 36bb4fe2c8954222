"""One of the tables, as numbers and in its forms for people."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.report.sentences import budget_notes
    from neuroquant.report.tables.layout import Numbers
    from neuroquant.report.tables.model_facts import read_costs
    from neuroquant.report.tables.write import write_tables
    from neuroquant.statistics.budgets import budgets
    from neuroquant.statistics.cells import write_csv
    from neuroquant.statistics.computed import Computed, table_of

    experiment = read_part(snakemake.params.experiment)
    table = snakemake.wildcards.table
    computed = Computed.read(*(Path(snakemake.input[name]) for name in ("cells", "tests", "against_mean")))
    cells, tests = table_of(experiment, table, computed), computed.tests_of(table)
    write_csv(cells, Path(snakemake.output.csv))
    write_csv(tests, Path(snakemake.output.tests))
    write_csv(computed.against_mean_of(experiment, table), Path(snakemake.output.mean))
    models = named_paths(snakemake.params.models)
    spent = budgets(experiment, table, models)
    write_csv(spent, Path(snakemake.output.budgets))
    numbers = Numbers(cells, tests, read_costs(models))
    forms = {kind: Path(snakemake.output[kind]) for kind in ("md", "html", "tex")}
    write_tables(experiment, table, numbers, budget_notes(experiment, spent), forms)

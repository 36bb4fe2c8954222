"""Write the pages that say what was run, on whom, by what, and the provenance beside them."""

import json

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.files import write_json
    from neuroquant.report.package.checklist import write_checklist
    from neuroquant.report.package.provenance import collect
    from neuroquant.report.pages.front_page import write
    from neuroquant.report.pages.origins import write_origins
    from neuroquant.report.pages.people import Cohorts, write_people
    from neuroquant.report.tables import read_costs

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    tables, tests = ([Path(path) for path in paths] for paths in (snakemake.input.tables, snakemake.input.tests))
    facts = collect(experiment, Path(snakemake.params.base), [*tables, Path(snakemake.input.truth)])
    names = ("sessions", "excluded", "proofs")
    cohorts = Cohorts(*([Path(path) for path in snakemake.input[name]] for name in names), Path(snakemake.input.apart))
    models = dict(zip(snakemake.params.rows, map(Path, snakemake.input.models), strict=True))
    out = {name: Path(path) for name, path in snakemake.output.items()}
    hours = write_origins(experiment, Path(snakemake.params.benchmarks), models, facts, out["runtime"], out["origins"])
    write_people(experiment, cohorts, out["exclusions"], out["people"])
    write_checklist(experiment, cohorts, facts, out["checklist"])
    pairs = {"table1": (tables[0], tests[0]), "table2": (tables[1], tests[1])}
    spent = [Path(snakemake.input[name]) for name in ("costs", "budgets", "truth")]
    write(experiment, pairs, read_costs(models), *spent, cohorts, hours, out["page"])
    write_json(out["provenance"], facts)

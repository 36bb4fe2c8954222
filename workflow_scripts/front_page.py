"""Write the pages that say what was run, on whom, by what, and the provenance beside them."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.files import write_json
    from neuroquant.report.package.checklist import write_checklist
    from neuroquant.report.package.provenance import collect
    from neuroquant.report.pages.front_page import Sources, write
    from neuroquant.report.pages.origins import write_origins
    from neuroquant.report.pages.people import write_people
    from neuroquant.report.tables.model_facts import read_costs
    from neuroquant.statistics.people import CohortTables

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    given = snakemake.input
    tables, tests = ([Path(path) for path in paths] for paths in (given.tables, given.tests))
    facts = collect(experiment, Path(snakemake.params.base), [*tables, Path(given.truth)])
    names = ("sessions", "excluded", "proofs", "unseen")
    cohorts = CohortTables(*([Path(path) for path in given[name]] for name in names), Path(given.apart))
    models = dict(zip(snakemake.params.rows, map(Path, given.models), strict=True))
    out = {name: Path(path) for name, path in snakemake.output.items()}
    hours = write_origins(experiment, Path(snakemake.params.benchmarks), models, facts, out["runtime"], out["origins"])
    write_people(experiment, cohorts, out["exclusions"], out["people"])
    write_checklist(experiment, cohorts, facts, out["checklist"])
    costs, budgets, truth = (Path(given[name]) for name in ("costs", "budgets", "truth"))
    write(
        experiment, Sources(tables[0], tests[0], read_costs(models), costs, budgets, truth), cohorts, hours, out["page"]
    )
    write_json(out["provenance"], facts)

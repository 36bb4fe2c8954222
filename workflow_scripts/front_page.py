"""Write the pages that say what was run, on whom, by what, and the provenance beside them."""

import json

from neuroquant.job import images_by_model, named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.files import write_json
    from neuroquant.report.figures.images import Images
    from neuroquant.report.package.checklist import write_checklist
    from neuroquant.report.package.methods import write_methods
    from neuroquant.report.package.provenance import collect
    from neuroquant.report.pages.front_page import Sources, write
    from neuroquant.report.pages.origins import write_origins
    from neuroquant.report.pages.people import write_people
    from neuroquant.report.tables.model_facts import read_costs
    from neuroquant.statistics.people import CohortTables

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    given = snakemake.input
    tables = [Path(given[name]) for name in ("table1", "table2", "truth")]
    facts = collect(experiment, Path(snakemake.params.base), tables)
    files = named_paths(snakemake.params.cohorts)
    by_kind = {
        kind: [files[cohort.name][kind] for cohort in experiment.cohorts]
        for kind in ("sessions", "excluded", "proofs", "unseen")
    }
    cohorts = CohortTables(**by_kind, apart=Path(given.apart))
    models = named_paths(snakemake.params.models)
    out = {name: Path(path) for name, path in snakemake.output.items()}
    hours = write_origins(experiment, Path(snakemake.params.benchmarks), models, facts, out["runtime"], out["origins"])
    write_people(experiment, cohorts, out["exclusions"], out["people"])
    write_checklist(experiment, cohorts, facts, out["checklist"])
    write_methods(experiment, cohorts, facts, out["methods"])
    sources = Sources(
        cells=Path(given.table1),
        tests=Path(given.tests),
        against_full=Path(given.against_full),
        models=read_costs(models),
        costs=Path(given.costs),
        budgets=Path(given.budgets),
        truth=Path(given.truth),
        claims=Path(given.claims),
        fidelity=Path(given.fidelity),
        images=Images(*images_by_model(snakemake.params.images)),
        figures=named_paths(snakemake.params.pictures),
    )
    write(experiment, sources, cohorts, hours, out["page"])
    write_json(out["provenance"], facts)

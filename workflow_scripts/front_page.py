"""Write the front page of the report and the provenance beside it."""

import json

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.files import write_json
    from neuroquant.reporting.front_page import Cohorts, write
    from neuroquant.reporting.provenance import collect
    from neuroquant.reporting.tables import read_costs

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    tables, tests = ([Path(path) for path in paths] for paths in (snakemake.input.tables, snakemake.input.tests))
    facts = collect(experiment, Path(snakemake.params.base), [*tables, Path(snakemake.input.truth)])
    cohorts = Cohorts(
        [Path(path) for path in snakemake.input.sessions],
        [Path(path) for path in snakemake.input.excluded],
        [Path(path) for path in snakemake.input.proofs],
        Path(snakemake.input.apart),
    )
    write(
        experiment,
        {"table1": (tables[0], tests[0]), "table2": (tables[1], tests[1])},
        read_costs(dict(zip(snakemake.params.rows, map(Path, snakemake.input.models), strict=True))),
        Path(snakemake.input.truth),
        cohorts,
        Path(snakemake.params.benchmarks),
        facts,
        Path(snakemake.output.page),
    )
    write_json(snakemake.output.provenance, facts)

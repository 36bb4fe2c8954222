"""Hold the paper's numbers and statements against what was measured."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    import pandas as pd

    from neuroquant.config.experiment import Experiment
    from neuroquant.files import write_text
    from neuroquant.report.pages.claims import as_page, not_the_papers
    from neuroquant.report.tables.model_facts import read_factors, read_rates
    from neuroquant.statistics.cells import load_scores, write_csv
    from neuroquant.statistics.claims.ledger import claims_ledger
    from neuroquant.statistics.claims.numbers import numbers_ledger
    from neuroquant.statistics.deviations import with_deviations
    from neuroquant.statistics.disentanglement import read_disentanglement
    from neuroquant.statistics.fingerprints import ledger

    experiment = Experiment.model_validate(json.loads(snakemake.params.experiment))
    tables = {name: pd.read_csv(snakemake.input[name]) for name in ("table1", "table2")}
    paths = [Path(path) for path in (snakemake.input.fidelity, snakemake.input.dice, snakemake.input.predictions)]
    scores = load_scores(experiment, *paths)
    write_csv(ledger(tables, scores), Path(snakemake.output.cells))
    models = dict(zip(snakemake.params.rows, map(Path, snakemake.input.models), strict=True))
    scores = with_deviations(scores, Path(snakemake.input.regions))
    disentanglement = read_disentanglement(Path(snakemake.input.disentanglement))
    numbers = numbers_ledger(experiment, tables)
    judged = claims_ledger(experiment, scores, read_rates(models), disentanglement, read_factors(models))
    write_csv(numbers, Path(snakemake.output.numbers))
    write_csv(judged, Path(snakemake.output.csv))
    write_text(Path(snakemake.output.html), as_page(numbers, judged, not_the_papers(experiment)))

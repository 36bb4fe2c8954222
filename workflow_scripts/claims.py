"""Hold the paper's numbers and statements against what was measured."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    import pandas as pd

    from neuroquant.config.parts import read_part
    from neuroquant.files import write_text
    from neuroquant.report.pages.claims import as_page
    from neuroquant.report.tables.model_facts import read_factors, read_rates
    from neuroquant.statistics.cells import write_csv
    from neuroquant.statistics.claims.ledger import Evidence, claims_ledger
    from neuroquant.statistics.claims.numbers import numbers_ledger
    from neuroquant.statistics.computed import Computed
    from neuroquant.statistics.disentanglement import read_disentanglement
    from neuroquant.statistics.fingerprints import ledger
    from neuroquant.statistics.scores import ScoreFiles, load_scores

    experiment = read_part(snakemake.params.experiment)
    tables = {name: pd.read_csv(snakemake.input[name]) for name in ("table1", "table2")}
    computed = Computed.read(*(Path(snakemake.input[name]) for name in ("cells", "tests", "against_mean")))
    write_csv(ledger(tables, computed.cells), Path(snakemake.output.cells))
    models = named_paths(snakemake.params.models)
    files = ScoreFiles.named(snakemake.input)
    evidence = Evidence(
        load_scores(experiment, files),
        computed.tests,
        read_rates(models),
        read_factors(models),
        read_disentanglement(Path(snakemake.input.disentanglement)),
    )
    numbers = numbers_ledger(experiment, tables)
    judged = claims_ledger(experiment, evidence)
    write_csv(numbers, Path(snakemake.output.numbers))
    write_csv(judged, Path(snakemake.output.csv))
    write_text(Path(snakemake.output.html), as_page(experiment, numbers, judged))

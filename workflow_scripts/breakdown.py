"""Structures, agreement of volumes, groups of subjects, worst images, synthesis, disentanglement, codebooks."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.experiment import Experiment
    from neuroquant.report.pages.breakdown import TABLES, Sources, write_breakdown
    from neuroquant.statistics.computed import read_cells
    from neuroquant.statistics.scores import ScoreFiles

    write_breakdown(
        Experiment.model_validate(json.loads(snakemake.params.experiment)),
        Sources(
            scores=ScoreFiles.named(snakemake.input),
            disentanglement=Path(snakemake.input.disentanglement),
            cells=read_cells(Path(snakemake.input.cells)),
            sessions=dict(zip(snakemake.params.cohorts, map(Path, snakemake.input.sessions), strict=True)),
            synthesis=[Path(path) for path in snakemake.input.synthesis],
            codes=[Path(path) for path in snakemake.input.codes],
        ),
        {name: Path(snakemake.output[name]) for name in TABLES},
        Path(snakemake.output.html),
    )

"""Structures, agreement of volumes, groups of subjects, worst images, synthesis, disentanglement, codebooks."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.report.pages.breakdown import TABLES, Sources, write_breakdown
    from neuroquant.statistics.computed import read_cells
    from neuroquant.statistics.scores import ScoreFiles

    write_breakdown(
        read_part(snakemake.params.experiment),
        Sources(
            scores=ScoreFiles.named(snakemake.input),
            disentanglement=Path(snakemake.input.disentanglement),
            errors=Path(snakemake.input.errors),
            cells=read_cells(Path(snakemake.input.cells)),
            sessions=named_paths(snakemake.params.sessions),
            synthesis=[Path(path) for path in snakemake.input.synthesis],
            codes=[Path(path) for path in snakemake.input.codes],
        ),
        {name: Path(snakemake.output[name]) for name in TABLES},
        Path(snakemake.output.html),
    )

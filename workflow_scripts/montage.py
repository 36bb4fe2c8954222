"""Draw a montage of the preprocessed volumes of each shard."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.report.figures.montage import Selection, draw

    draw(
        [Path(path) for path in snakemake.input.volumes],
        Path(snakemake.input.qc),
        Selection(snakemake.params.sessions, snakemake.params.identifiable),
        [Path(path) for path in snakemake.output.pictures],
    )

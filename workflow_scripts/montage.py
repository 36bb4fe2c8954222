"""Draw a montage of the preprocessed volumes of each shard."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.report.figures.montage import Selection, draw

    shards = list(snakemake.output.keys())
    draw(
        [Path(snakemake.input[shard]) for shard in shards],
        Path(snakemake.input.qc),
        Selection(snakemake.params.sessions, snakemake.params.identifiable),
        [Path(snakemake.output[shard]) for shard in shards],
    )

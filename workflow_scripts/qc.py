"""Gather the QC tables of a cohort and draw their distributions."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.files import write_tsv
    from neuroquant.report.pages.qc import draw
    from neuroquant.statistics.quality import gather_qc, measures

    modalities = tuple(snakemake.params.modalities)
    table = gather_qc([Path(path) for path in snakemake.input.qc], modalities)
    write_tsv(table.sort_values(["cohort", "subject", "session"]), Path(snakemake.output.table))
    title, identifiable = snakemake.params.cohort, snakemake.params.identifiable
    shards = [Path(path) for path in snakemake.input.volumes]
    draw(table, measures(modalities), title, identifiable, Path(snakemake.output.picture), shards)

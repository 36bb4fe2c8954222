"""Draw the training curves of all models: losses, and what became of their codes."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.report.figures.training_curves import CODES, LOSSES, draw
    from neuroquant.statistics.curves import chance, read_logs

    labels, out = snakemake.params.labels, snakemake.output
    paths = dict(zip(labels, map(Path, snakemake.input.curves), strict=True))
    logs = read_logs(paths, dict(zip(labels, snakemake.params.weights, strict=True)))
    draw(logs, LOSSES, {}, [Path(out.picture), Path(out.vector)])
    level = {"adversary": chance(len(snakemake.params.modalities))}
    draw(logs, CODES, level, [Path(out.codes), Path(out.codes_vector)])

"""Draw the training curves of all rows, and what they tell of the codebook and the disentanglement."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.report.figures.training_curves import draw, draw_codes

    labels, out = snakemake.params.labels, snakemake.output
    curves = dict(zip(labels, map(Path, snakemake.input.curves), strict=True))
    draw(curves, Path(out.picture), Path(out.vector))
    draw_codes(
        curves, dict(zip(labels, snakemake.params.weights, strict=True)), Path(out.codes), Path(out.codes_vector)
    )

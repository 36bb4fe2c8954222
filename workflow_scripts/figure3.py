"""Draw figure 3, and the viewer of the same reconstructions."""

from neuroquant.job import running

with running(snakemake.rule, dict(snakemake.wildcards), snakemake.log[0], snakemake.threads, snakemake.params.failures):
    from pathlib import Path

    from neuroquant.reporting.figure3 import draw
    from neuroquant.reporting.viewer import choose, write_viewer

    rows, paths = snakemake.params.rows, [Path(path) for path in snakemake.input.reconstructions]
    fidelity, volumes = Path(snakemake.input.fidelity), [Path(path) for path in snakemake.input.volumes]
    shards = {row: paths[len(volumes) * n : len(volumes) * (n + 1)] for n, row in enumerate(rows)}
    pictures = (snakemake.output.png, snakemake.output.svg, snakemake.output.pdf)
    draw(fidelity, snakemake.params.cohort, rows, volumes, shards, *map(Path, pictures))
    viewed = snakemake.params.viewed
    chosen = choose(fidelity, snakemake.params.cohort, viewed, snakemake.params.identifiable)
    write_viewer(chosen, rows[viewed], volumes, shards[viewed], Path(snakemake.output.viewer))

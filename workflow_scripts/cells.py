"""Intervals and tests of all scores, once for everything that shows them."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.statistics.computed import Computed
    from neuroquant.statistics.scores import ScoreFiles, load_scores

    experiment = read_part(snakemake.params.experiment)
    files = ScoreFiles.named(snakemake.input)
    out = {name: Path(path) for name, path in snakemake.output.items()}
    Computed.of(experiment, load_scores(experiment, files)).write(out["cells"], out["tests"], out["against_mean"])

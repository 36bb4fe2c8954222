"""Intervals and tests of all scores, once for everything that shows them."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.statistics.cells import write_csv
    from neuroquant.statistics.classical import against_full
    from neuroquant.statistics.computed import Computed
    from neuroquant.statistics.scores import ScoreFiles, load_scores
    from neuroquant.statistics.trainings import each_training

    experiment = read_part(snakemake.params.experiment)
    files = ScoreFiles.named(snakemake.input)
    out = {name: Path(path) for name, path in snakemake.output.items()}
    scores = load_scores(experiment, files)
    Computed.of(experiment, scores).write(out["cells"], out["tests"], out["against_mean"])
    write_csv(each_training(scores), out["trainings"])
    write_csv(against_full(experiment, scores), out["against_full"])

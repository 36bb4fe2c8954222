"""Draw figure 3, and the viewer of the same reconstructions."""

import json

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    import pandas as pd

    from neuroquant.config.experiment import Experiment
    from neuroquant.report.figures.figure3 import draw
    from neuroquant.report.figures.images import Images
    from neuroquant.report.pages.viewer import name_of, write_viewer
    from neuroquant.statistics.against_mean import verdicts_on
    from neuroquant.statistics.choice import median_session, sessions_to_view

    params, paths = snakemake.params, [Path(path) for path in snakemake.input.reconstructions]
    fidelity, volumes = Path(snakemake.input.fidelity), [Path(path) for path in snakemake.input.volumes]
    shards = {row: paths[len(volumes) * n : len(volumes) * (n + 1)] for n, row in enumerate(params.rows)}
    experiment = Experiment.model_validate(json.loads(params.experiment))
    verdicts = verdicts_on(params.cohort, pd.read_csv(snakemake.input.against_mean))
    session = median_session(fidelity, params.cohort, next(iter(params.rows)))
    out = [Path(path) for path in (snakemake.output.png, snakemake.output.svg, snakemake.output.pdf)]
    draw(Images(volumes, shards), params.rows, experiment.modalities, session, verdicts, out)

    chosen = sessions_to_view(fidelity, params.cohort, params.viewed)
    sessions = {name_of(one, params.identifiable): (one.subject, one.session) for one in chosen}
    images, label = Images(volumes, {params.viewed: shards[params.viewed]}), params.rows[params.viewed]
    write_viewer(sessions, experiment.modalities, label, images, Path(snakemake.output.viewer))

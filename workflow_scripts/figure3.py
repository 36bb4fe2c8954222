"""Draw figure 3, its page, and the viewer of the same reconstructions."""

from neuroquant.job import images_by_model, running

with running(snakemake):
    from pathlib import Path

    import pandas as pd

    from neuroquant.config.parts import read_part
    from neuroquant.report.figures.figure3 import draw
    from neuroquant.report.figures.images import Images
    from neuroquant.report.pages.conclusions import of_figure3
    from neuroquant.report.pages.figure_page import write_figure_page
    from neuroquant.report.pages.viewer import name_of, write_viewer
    from neuroquant.statistics.against_mean import verdicts_on
    from neuroquant.statistics.choice import median_session, sessions_to_view
    from neuroquant.statistics.computed import read_cells

    params, fidelity = snakemake.params, Path(snakemake.input.fidelity)
    experiment, (volumes, shards) = read_part(params.experiment), images_by_model(params.files)
    labels = {model: experiment.model(model).shown for model in params.models}
    verdicts = verdicts_on(params.cohort, pd.read_csv(snakemake.input.against_mean))
    session = median_session(fidelity, params.cohort, params.models[0])
    out = [Path(path) for path in (snakemake.output.png, snakemake.output.svg, snakemake.output.pdf)]
    draw(Images(volumes, shards), labels, experiment.modalities, session, verdicts, out)
    said = of_figure3(experiment, read_cells(Path(snakemake.input.cells)), params.cohort, params.models)
    write_figure_page("figure3", out[0], said, Path(snakemake.output.page))

    chosen = sessions_to_view(fidelity, params.cohort, params.viewed)
    sessions = {name_of(one, experiment.report.identifiable): (one.subject, one.session) for one in chosen}
    images, label = Images(volumes, {params.viewed: shards[params.viewed]}), labels[params.viewed]
    write_viewer(sessions, experiment.modalities, label, images, Path(snakemake.output.viewer))

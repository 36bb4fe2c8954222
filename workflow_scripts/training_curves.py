"""Draw the training curves of all models: losses, and what became of their codes."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.report.figures.training_curves import CODES, LOSSES, draw
    from neuroquant.report.pages.conclusions import of_codes, of_training
    from neuroquant.report.pages.figure_page import write_figure_page
    from neuroquant.statistics.curves import chance, read_logs

    experiment, out = read_part(snakemake.params.experiment), snakemake.output
    curves = named_paths(snakemake.params.curves)
    paths = {model.in_legends: curves[model.name] for model in experiment.models}
    logs = read_logs(paths, {model.in_legends: model.objective.adversary for model in experiment.models})
    draw(logs, LOSSES, {}, [Path(out.picture), Path(out.vector)])
    level = {"adversary": chance(len(experiment.modalities))}
    draw(logs, CODES, level, [Path(out.codes), Path(out.codes_vector)])
    write_figure_page("training", Path(out.picture), of_training(logs), Path(out.page))
    write_figure_page("codes", Path(out.codes), of_codes(logs), Path(out.codes_page))

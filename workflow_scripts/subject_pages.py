"""Write a page for quality control of each test subject of a cohort."""

from neuroquant.job import images_by_model, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.subject_page.of_run import Run, write_pages

    experiment, wildcards = read_part(snakemake.params.experiment), snakemake.wildcards
    volumes, models = images_by_model(snakemake.params.files)
    run = Run(
        wildcards.model,
        volumes,
        models[wildcards.model],
        [Path(path) for path in snakemake.input.fidelity],
        Path(snakemake.input.qc),
        experiment.fidelity.region,
        experiment.modalities,
    )
    label = f"{experiment.model(wildcards.model).shown} on {experiment.cohort(wildcards.cohort).shown}"
    write_pages(run, label, Path(snakemake.output.pages))

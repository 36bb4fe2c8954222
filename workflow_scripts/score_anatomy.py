"""Dice, regional volumes and errors by structure of one test shard, for every model."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.evaluation.anatomy.dice import score_dice, score_truth
    from neuroquant.evaluation.anatomy.errors import score_errors
    from neuroquant.evaluation.anatomy.regions import write_regions

    volumes, reference = Path(snakemake.input.volumes), Path(snakemake.input.reference)
    models = named_paths(snakemake.params.segmentations)
    how = (tuple(snakemake.params.structures), snakemake.params.tolerance_mm)
    score_dice(reference, models, *how, Path(snakemake.output.dice))
    score_truth(volumes, reference, *how, Path(snakemake.output.truth))
    reconstructions = named_paths(snakemake.params.reconstructions)
    score_errors(volumes, reference, reconstructions, how[0], Path(snakemake.output.errors))
    write_regions({"reference": reference, **models}, Path(snakemake.output.regions))

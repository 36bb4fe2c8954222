"""Dice and regional volumes of one test shard, for every model."""

from neuroquant.job import named_paths, running

with running(snakemake):
    from pathlib import Path

    from neuroquant.evaluation.anatomy.dice import score_dice, score_truth
    from neuroquant.evaluation.anatomy.regions import write_regions

    reference = Path(snakemake.input.reference)
    models = named_paths(snakemake.params.segmentations)
    how = (tuple(snakemake.params.structures), snakemake.params.tolerance_mm)
    score_dice(reference, models, *how, Path(snakemake.output.dice))
    score_truth(Path(snakemake.input.volumes), reference, *how, Path(snakemake.output.truth))
    write_regions({"reference": reference, **models}, Path(snakemake.output.regions))

"""Write the card of every model into its folder."""

from neuroquant.job import running

with running(snakemake):
    from pathlib import Path

    from neuroquant.config.parts import read_part
    from neuroquant.job import named_paths
    from neuroquant.model_card.cards import CardFiles, write_cards

    files = CardFiles(
        Path(snakemake.input.cells),
        Path(snakemake.input.against_mean),
        named_paths(snakemake.params.sessions),
        named_paths(snakemake.params.splits),
        named_paths(snakemake.params.cards),
    )
    write_cards(read_part(snakemake.params.experiment), files)

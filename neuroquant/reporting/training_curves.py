"""Training curves of all rows: loss, validation PSNR, codebook."""

from pathlib import Path

import pandas as pd

from neuroquant.reporting.style import COLOURS, plt, save

PANELS = {
    "l1": "L1",
    "val_psnr": "validation PSNR (dB)",
    "perplexity": "codebook perplexity",
    "adversary": "adversary (weighted)",
}


def draw(curves: dict[str, Path], out: Path) -> None:
    """Draw one line a row in each panel that it has numbers for."""
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 4.6))
    for axis, (column, name) in zip(axes.flat, PANELS.items(), strict=True):
        for number, (label, path) in enumerate(curves.items()):
            table = pd.read_csv(path, sep="\t")
            if column in table and table[column].notna().any():
                known = table.dropna(subset=column)
                colour = COLOURS[(number + 1) % len(COLOURS)]
                axis.plot(known.step, known[column], color=colour, linewidth=1, marker=".", markersize=3, label=label)
        axis.set_xlabel("step")
        axis.set_ylabel(name)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=4, frameon=False, bbox_to_anchor=(0.5, -0.07), fontsize=7)
    figure.tight_layout()
    save(figure, out)

"""Ranks what `time_to_quality.py` printed, also where it was stopped.

python benchmarks/ranking.py TSV
"""

import sys
from typing import Any

import pandas as pd

FIT = "fit"
"""In place of a budget, for models that are fitted and not trained."""
MEAN = "mean"
BELOW = "below the mean image"
RANKED = ("plain", "held_out")
"""The weights and the volumes that models are ranked by."""
RANKING = ("budget", "rank", "model", "seeds", "psnr", "spread", "ssim", "above_mean")


def ranking(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Models of each budget by their PSNR on held-out volumes at the end of training, mean over seeds; best first.

    Models that aren't above the mean image come last, without a rank. `spread`: range over seeds (dB), nan with one.
    """
    lines = [line for line in lines if (line["weights"], line["scored_on"]) == RANKED]
    fitted = {line["model"]: line for line in lines if line["budget"] == FIT}
    others = {(line["budget"], line["model"], line["seed"]): line for line in lines if line["budget"] != FIT}
    ranked = []
    for budget in dict.fromkeys(budget for budget, _, _ in others):
        ends = [line for (of, _, _), line in others.items() if of == budget]
        ends += [line for name, line in fitted.items() if name != MEAN]
        models_ = pd.DataFrame(ends).groupby("model", sort=False)
        table = models_[["psnr", "ssim"]].mean().assign(
            seeds=models_.size(),
            spread=(models_["psnr"].max() - models_["psnr"].min()).where(models_.size() > 1),
            above_mean=models_["psnr"].mean() - fitted[MEAN]["psnr"],
        )  # fmt: skip
        ordered = table.sort_values("psnr", ascending=False, kind="stable").to_dict("index")
        for rank, (name, line) in enumerate(ordered.items(), start=1):
            ranked.append({"budget": budget, "rank": rank if line["above_mean"] > 0 else BELOW, "model": name, **line})
    return ranked


def write(columns: tuple[str, ...], line: dict[str, Any]) -> None:
    """Print a TSV line."""
    values = (line.get(column, "") for column in columns)
    print("\t".join(f"{value:.4f}" if isinstance(value, float) else str(value) for value in values), flush=True)


def main() -> None:
    table = pd.read_csv(sys.argv[1], sep="\t").dropna(subset=["psnr"])
    print("\t".join(RANKING))
    for line in ranking(table.to_dict("records")):
        write(RANKING, line)


if __name__ == "__main__":
    main()

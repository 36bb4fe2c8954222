"""How near regional volumes of reconstructions come to their originals', as scores that claims can compare."""

from pathlib import Path

import pandas as pd

from neuroquant.statistics.agreement import REGIONS
from neuroquant.statistics.intervals import clusters_of
from neuroquant.statistics.numbers import read_numbers
from neuroquant.tables import REFERENCE

METRICS = {f"nearness_{region}": f"{name.lower()} volume" for region, name in REGIONS.items()}
"""Names of the scores; higher is nearer."""


def with_deviations(scores: pd.DataFrame, regions: Path) -> pd.DataFrame:
    """Scores, and for the regions of figure 4 minus the percentage by which each volume misses its original's.

    Parameters
    ----------
    scores : as `summarise.load_scores` gives them.
    regions : volumes of regions in mm3, of originals and reconstructions; where there are none nothing is added.
    """
    table = read_numbers("regions", regions, "mm3").dropna(subset="mm3")
    table = table[table.region.isin(REGIONS)]
    keys = ["cohort", "subject", "session", "modality", "region"]
    truth = table[table.model == REFERENCE][[*keys, "mm3"]]
    both = table[table.model != REFERENCE].merge(truth, on=keys, suffixes=("", "_truth"))
    both = both[both.mm3_truth > 0]
    if not len(both):
        return scores
    both["value"] = -100 * (both.mm3 - both.mm3_truth).abs() / both.mm3_truth
    both["metric"] = "nearness_" + both.region
    both["engine"] = both.stand_in
    both["cluster"] = clusters_of(both)
    return pd.concat([scores, both.reindex(columns=scores.columns)], ignore_index=True)

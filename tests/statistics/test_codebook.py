"""Use of codebooks is counted over all shards together."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.files import write_tsv
from neuroquant.statistics.codebook import codebook


def test_usage_and_perplexity_are_those_of_all_shards_together(tmp_path, experiment):
    columns = ["cohort", "model", "modality", "codebook", "size", "code", "tokens"]
    first = [
        ("synthetic_a", "m", "T1w", 0, 8, 1, 10),
        ("synthetic_a", "m", "T1w", 0, 8, 2, 10),
        ("synthetic_a", "m", "T2w", 0, 8, 5, 40),
    ]
    second = [
        ("synthetic_a", "m", "T1w", 0, 8, 3, 20),
        ("synthetic_a", "m", "T1w", 0, 8, 2, 10),
        ("synthetic_a", "m", "T1w", 0, 8, 1, 10),
    ]
    for name, rows in (("a", first), ("b", second), ("none", [])):
        write_tsv(pd.DataFrame(rows, columns=columns), tmp_path / f"{name}.tsv")
    table = codebook(experiment, [tmp_path / f"{name}.tsv" for name in ("a", "b", "none")]).set_index("modality")
    assert (
        table.loc["T1w"].used == 3 and table.loc["T1w"].perplexity == pytest.approx(3) and table.loc["T1w"].tokens == 60
    )
    assert table.loc["T2w"].perplexity == pytest.approx(1) and table.loc["T2w"].usage == 1 / 8
    share = np.array([20, 20, 20, 40]) / 100
    assert table.loc["all"].perplexity == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    assert table.stand_in.str.contains("synthetic").all()
    assert codebook(experiment, [tmp_path / "none.tsv"]).empty

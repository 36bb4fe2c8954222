"""A model without training whose PSNR is above the full model's is named, if it needs no more bits; no other is."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.config.load import read_yaml, resolve_experiment
from neuroquant.report.sentences import classical_sentences
from neuroquant.shipped import CONFIG
from neuroquant.statistics.classical import against_full, wins
from neuroquant.tables import AGAINST_FULL
from tests.made_up import scores_of
from tests.statistics.test_against_mean import write

FULL_KBIT, CODED_KBIT = 40.8, 32.9


@pytest.fixture(scope="module")
def codecs():
    """The demo, of whose codecs one has a curve, and an exact copy."""
    raw = read_yaml(CONFIG / "demo.yaml")
    dct = {"name": "dct", "label": "DCT coder", "architecture": "baselines.dct", "training": {"phases": []}}
    others = [name for name in raw["models"] if name != "dct"]
    raw["models"] = [*others, "identity", dct | {"curve": {"kbit": [20, 80]}}]
    return resolve_experiment(raw, CONFIG, "demo.yaml")


def costs(**spent):
    """Kbit of each model on the cohort as they are stored, and after coding: model -> both. PCA has rounded numbers."""
    full = {"neuroquant": (FULL_KBIT, CODED_KBIT)}
    rows = [("synthetic_a", model, *both, 9 if model == "pca" else None) for model, both in (full | spent).items()]
    return pd.DataFrame(rows, columns=["cohort", "model", "kbit_per_volume", "kbit_coded", "bits_per_number"])


def leads(folder, experiment, **more):
    """Models without training against NeuroQuant, which is 1 dB above the mean image."""
    write(folder, {"neuroquant": [1.0, 1.2], **more})
    return against_full(experiment, scores_of(folder, experiment))


def test_differences_are_paired_and_of_models_without_training_alone(tmp_path, codecs):
    table = leads(tmp_path, codecs, jpeg2000=[0.5, 0.7], dct=[3.1, 3.3], dct_kbit20=[9.0, -8.0], sd_vae=[5.0])
    assert list(table.columns) == AGAINST_FULL and set(table.full) == {"neuroquant"}
    table = table.set_index("model")
    assert table.difference.round(6).to_dict() == {"jpeg2000": -0.5, "dct": 2.1, "dct_kbit20": -0.6}
    assert table.ci_high["jpeg2000"] < -0.49 and table.ci_low["dct"] > 2.09, "subjects differ by 3 dB, pairs by nothing"
    assert table.ci_low["dct_kbit20"] < 0 < table.ci_high["dct_kbit20"]


def test_a_win_is_a_lead_that_is_shown_at_no_more_bits(tmp_path, codecs):
    shown = {"jpeg2000": [2.0, 2.1], "dct": [3.0, 3.3], "pca": [9.0, -6.0], "identity": [np.inf]}
    table = leads(tmp_path, codecs, **shown)
    spent = {"jpeg2000": (FULL_KBIT, 40.1), "dct": (FULL_KBIT, np.nan), "pca": (1.0, 0.9), "identity": (9, 9.0)}
    assert table.set_index("model").difference["pca"] > 0
    won = wins(codecs, table, costs(**spent)).set_index("model")
    assert set(won.index) == {"jpeg2000", "dct"}, "an interval with 0 in it shows nothing, nor does an exact copy"
    assert won.kbit.to_dict() == {"jpeg2000": 40.1, "dct": FULL_KBIT}
    costly = wins(codecs, table, costs(**spent | {"jpeg2000": (FULL_KBIT, 40.9), "dct": (41.0, 40.7)}))
    assert costly.model.tolist() == ["dct"], "bits of the code count, where it was coded"
    assert not len(wins(codecs, table, costs())), "nobody's bits are known"
    rounded = leads(tmp_path, codecs, pca=[2.0, 2.1])
    assert not len(wins(codecs, rounded, costs(pca=(50.0, 30.0)))), "scores are those of unrounded coefficients"
    assert wins(codecs, rounded, costs(pca=(1.0, 0.5))).kbit.tolist() == [1.0]


def test_of_a_curve_the_widest_lead_is_named(tmp_path, codecs):
    table = leads(tmp_path, codecs, dct=[2.0, 2.3], dct_kbit20=[1.5, 1.6], dct_kbit80=[8.0])
    spent = {"dct": (40.8, 40.0), "dct_kbit20": (20, 20.0), "dct_kbit80": (80, 80.0)}
    assert wins(codecs, table, costs(**spent)).model.tolist() == ["dct"]
    assert wins(codecs, table, costs(**spent | {"dct": (41.0, 41.0)})).model.tolist() == ["dct_kbit20"]


def test_the_sentence_stands_where_a_codec_wins_and_not_else(tmp_path, codecs):
    spent = costs(dct=(FULL_KBIT, 39.57), jpeg2000=(FULL_KBIT, 40.0))
    (told,) = classical_sentences(codecs, leads(tmp_path, codecs, dct=[3.1, 3.3], jpeg2000=[0.1]), spent)
    assert told == (
        "Synthetic A: without training, a higher PSNR than that of NeuroQuant is reached at no more bits than its 40.8 "
        "kbit per volume, 32.9 after coding: DCT coder (T1w +2.10 dB, 2.10 to 2.10, at 39.57 kbit)."
    )
    assert not classical_sentences(codecs, leads(tmp_path, codecs, dct=[1.0, 1.2], jpeg2000=[0.1]), spent)
    assert not classical_sentences(codecs, leads(tmp_path, codecs, dct=[3.0]), costs(dct=(99, 50.0)))
    alone = write_and_read(leads(tmp_path, codecs), tmp_path / "empty.csv")
    assert not len(alone) and not classical_sentences(codecs, alone, spent)


def write_and_read(table, path):
    """A table as the next job reads it: without rows, nothing says which columns hold numbers."""
    table.to_csv(path, index=False)
    return pd.read_csv(path)


def test_without_a_trained_full_model_nothing_is_compared(tmp_path):
    raw = {"experiment": "x", "cohorts": ["synthetic_a"], "models": ["mean", "pca", "identity"]}
    experiment = resolve_experiment(raw, CONFIG, "x.yaml")
    write(tmp_path, {"pca": [3.0], "identity": [9.0]})
    assert not len(against_full(experiment, scores_of(tmp_path, experiment)))

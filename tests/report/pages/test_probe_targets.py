"""The page of probes has a part on other targets, where there are any."""

import pandas as pd
import pytest

from neuroquant.report.pages import probe_targets
from neuroquant.report.pages.probes import write_page
from neuroquant.tables import PROBE_TARGETS, PROBES
from tests.made_up import experiment  # noqa: F401


@pytest.fixture
def files(tmp_path):
    """Tables of the two files that the page is made of."""
    facts = {"cohort": "synthetic_a", "target": "age", "kind": "regression", "subset": "all test subjects"}
    facts |= {"modality": "T1w", "probe": "linear", "array": "z 4x2x2x2", "subjects": 12, "sessions": 12}
    age = facts | {"model": "neuroquant", "part": "main", "mae": 1.234, "mae_low": 1.0, "mae_high": 1.5, "r2": 0.456}
    head = facts | {"model": "control: head size", "part": "", "modality": "", "mae": 2.5, "mae_low": 2, "mae_high": 3}
    hand = facts | {"target": "hand <b>", "kind": "classification", "classes": 3, "model": "neuroquant"}
    hand |= {"part": "modality_code", "balanced_accuracy": 0.5, "accuracy": 0.5, "auroc": 0.7}
    pd.DataFrame([age, head, hand], columns=PROBE_TARGETS).to_csv(tmp_path / "targets.csv", index=False)
    pd.DataFrame(columns=PROBES).to_csv(tmp_path / "details.csv", index=False)
    return tmp_path


def with_probe(experiment, **settings):  # noqa: F811
    return experiment.model_copy(update={"probe": type(experiment.probe)(**settings)})


def test_each_target_has_a_table_with_its_own_measures_and_chance(files, experiment):  # noqa: F811
    asked = with_probe(experiment, targets=["sex", "age", "hand <b>"], inputs=["main", "modality_code"])
    write_page(asked, files / "details.csv", files / "page.html", files / "targets.csv")
    text = (files / "page.html").read_text()
    _, age, hand = text.partition("Other targets")[2].split("<h2>")
    assert "1.23 (1.00 to 1.50)" in age and "AUROC</th>" not in age and "control: head size" in age
    assert "Not probed on the pooled modality code" in age and "R2 of 0" in age
    assert "hand &lt;b&gt;" in hand and "3 classes. Chance: a balanced accuracy of 33.3 %" in hand
    assert "pooled modality code" in hand and "mean absolute error</th>" not in hand
    for section in (age, hand):
        assert "z 4x2x2x2" in section, "what was read stands beside its numbers"


def test_without_other_targets_the_page_has_no_such_part(files, experiment):  # noqa: F811
    write_page(experiment, files / "details.csv", files / "page.html")
    assert "Other targets" not in (files / "page.html").read_text()


def test_where_nothing_could_be_probed_the_page_says_so(files, experiment):  # noqa: F811
    pd.DataFrame(columns=PROBE_TARGETS).to_csv(files / "targets.csv", index=False)
    text = probe_targets.section(with_probe(experiment, targets=["age"]), files / "targets.csv", {})
    assert "No target could be probed" in text

"""Fresh classifiers and shared codes decide the claim that the modality can't be recognised from anatomical codes."""

import pandas as pd
import pytest

from neuroquant.files import write_tsv
from neuroquant.report.pages.disentanglement import disentanglement_section
from neuroquant.statistics.claims.ledger import Evidence, claims_ledger
from neuroquant.statistics.disentanglement import (
    FEWEST,
    READS,
    outcomes,
    read_disentanglement,
)
from neuroquant.tables import DISENTANGLEMENT, SCORES, TESTS

KINDS = ["holds", "undecided", "contradicted"]


def table(
    line=(0.5, 0.4, 0.6), network=(0.5, 0.4, 0.6), lead=(0.3, 0.2, 0.4), families=12, model="neuroquant", classes=2
):
    """Numbers of one model on the first cohort: accuracies on z_anat, 1 on z_mod, and codes in common."""
    facts = {"cohort": "synthetic_a", "model": model, "sessions": 14, "families": families}
    rows = [("accuracy", "z_anat", "logistic regression", *line)] if line else []
    rows += [("accuracy", "z_anat", "convolutional network", *network)] if network else []
    rows += [("accuracy", "z_mod", "logistic regression", 1.0, 1.0, 1.0)]
    rows += [("same_code", "session", "", 0.5, 0.4, 0.6), ("same_code", "subjects", "", 0.2, 0.1, 0.3)] if lead else []
    rows += [("same_code", "difference", "", *lead)] if lead else []
    columns = ["measure", "of", "by", "value", "ci_low", "ci_high"]
    known = pd.DataFrame(rows, columns=columns).assign(**facts)
    known["role"] = known.of.map({"z_anat": "anatomy", "z_q": "anatomy", "z_mod": "appearance"}).fillna("")
    return known.assign(classes=known.measure.map({"accuracy": float(classes)}))[DISENTANGLEMENT]


def real(experiment):
    """The same experiment as if its cohorts were the paper's own."""
    cohorts = tuple(cohort.model_copy(update={"stand_in": False}) for cohort in experiment.cohorts)
    return experiment.model_copy(update={"cohorts": cohorts})


def judged(experiment, measured):
    """The ledger's lines on the claim, by cohort."""
    nothing = pd.DataFrame(columns=[*SCORES, "cluster"]), pd.DataFrame(columns=["table", *TESTS])
    ledger = claims_ledger(experiment, Evidence(*nothing, disentanglement=measured))
    return ledger[ledger.id == "invariant"].set_index("cohort")


@pytest.mark.parametrize(
    "changes, verdict",
    [
        ({}, "holds"),
        ({"line": (0.55, 0.52, 0.58)}, "holds"),
        ({"line": (0.4, 0.3, 0.45)}, "holds"),
        ({"line": (0.7, 0.6, 0.8)}, "undecided"),
        ({"line": (0.55, 0.52, 0.65)}, "undecided"),
        ({"line": (0.7, 0.4, 0.95)}, "undecided"),
        ({"line": (0.95, READS, 1.0)}, "undecided"),
        ({"line": (0.97, 0.91, 1.0)}, "contradicted"),
        ({"network": (1.0, 1.0, 1.0)}, "contradicted"),
        ({"lead": (0.01, -0.1, 0.1)}, "undecided"),
        ({"lead": (-0.3, -0.4, -0.2)}, "undecided"),
        ({"lead": None}, "undecided"),
        ({"line": (1.0, 1.0, 1.0), "families": FEWEST - 1}, "undecided"),
        ({"families": FEWEST - 1}, "undecided"),
        ({"line": None, "network": None}, ""),
    ],
)
def test_the_claim_holds_at_chance_with_shared_codes_and_is_contradicted_where_a_classifier_reads(changes, verdict):
    assert outcomes(table(**changes), "synthetic_a", "neuroquant")[0] == verdict
    assert outcomes(table(**changes), "synthetic_b", "neuroquant") == ("", "")


def test_the_ledger_has_the_verdict_of_each_cohort_with_the_numbers(experiment):
    lines = judged(real(experiment), table(line=(1.0, 1.0, 1.0)))
    line = lines.loc["synthetic_a"]
    assert line.verdict == "contradicted (conditional on one training)" and line[KINDS].tolist() == [0, 0, 1]
    assert "logistic regression on z_anat: 100.0 % (100.0 to 100.0) of images right" in line.details
    assert "beyond two subjects: 30.0 % (20.0 to 40.0)" in line.details
    assert lines.loc["synthetic_b"].verdict == "not measured in this run"
    assert judged(real(experiment), table()).loc["synthetic_a"][KINDS].tolist() == [1, 0, 0]
    few = judged(real(experiment), table(families=3)).loc["synthetic_a"]
    assert (
        few.verdict == "undecided (conditional on one training)"
        and f"3 families, and a verdict takes {FEWEST}" in few.details
    )


def test_a_synthetic_cohort_says_nothing_of_the_paper_here_either(experiment):
    line = judged(experiment, table(line=(1.0, 1.0, 1.0))).loc["synthetic_a"]
    once = "contradicted (conditional on one training)"
    assert line.verdict == f"{once} (on a synthetic cohort, which says nothing about NCANDA)"


def test_without_numbers_or_the_full_model_the_claim_is_not_run(experiment):
    for measured in (None, table()[:0], table(model="neuroquant_film")):
        assert set(judged(real(experiment), measured).verdict) == {"not measured in this run"}
    fewer = experiment.table1.model_copy(update={"models": ("sd_vae",)})
    lines = judged(experiment.model_copy(update={"table1": fewer}), table())
    assert lines.verdict.str.startswith("not run").all()


def test_the_page_shows_accuracies_and_shares_and_leaves_a_dash_where_a_model_lacks_one(experiment):
    label = {entry.name: entry.shown for entry in experiment.models}
    both = pd.concat([table(), table(model="neuroquant_film", network=None, lead=None)])
    page = disentanglement_section(experiment, both, label)
    assert "50.0 (40.0 to 60.0)" in page and "30.0 (20.0 to 40.0)" in page and "–" in page
    assert page.index(label["neuroquant"]) < page.index(label["neuroquant_film"]), "in the order of the models"
    assert "12 families are few" in page and ">14</td>" in page and ">12</td>" in page
    assert "are few:" not in disentanglement_section(experiment, table(families=40), label)
    assert "How many codes" not in disentanglement_section(experiment, table(lead=None), label)


def test_no_numbers_are_a_sentence(experiment, tmp_path, capsys):
    nothing = read_disentanglement(tmp_path / "none.tsv")
    assert "separates anatomy from appearance" in disentanglement_section(experiment, nothing, {})
    write_tsv(table(), tmp_path / "some.tsv")
    pd.testing.assert_frame_equal(read_disentanglement(tmp_path / "some.tsv"), table(), check_dtype=False)


def test_the_page_names_latents_with_their_role_and_pairs_of_modalities_beside_all(experiment):
    label = {entry.name: entry.shown for entry in experiment.models}
    of_pair = table().query("measure == 'same_code'").assign(by="T1w and FLAIR")
    page = disentanglement_section(experiment, pd.concat([table(classes=3), of_pair]), label)
    assert "z anat (anatomy)" in page and "z mod (appearance)" in page and "Chance is 33 with 3 modalities" in page
    assert "same code at a position<" in page and "same code at a position, T1w and FLAIR<" in page


@pytest.mark.parametrize(
    "guess, verdict",
    [((0.35, 0.3, 0.4), "holds"), ((0.4, 0.36, 0.45), "holds"), ((0.5, 0.45, 0.55), "undecided"),
     ((0.9, 0.88, 0.95), "contradicted"), ((0.8, 0.75, 0.86), "undecided")],
)  # fmt: skip
def test_with_three_modalities_chance_is_a_third_and_the_thresholds_lie_as_far_on_the_way(guess, verdict):
    """A fifth of the way from 1/3 to 1 is 47 %, four fifths 87 %; with two modalities 60 % and 90 %."""
    assert outcomes(table(line=guess, network=guess, classes=3), "synthetic_a", "neuroquant")[0] == verdict


def test_a_pair_of_modalities_and_a_later_latent_of_the_anatomy_decide_nothing():
    """Codes of one pair that are shared, and a codebook that lost the modality, beside latents that tell it."""
    reads = table(line=(1.0, 1.0, 1.0), network=(1.0, 1.0, 1.0), lead=(0.0, -0.1, 0.1), classes=3)
    later = table().query("of == 'z_anat'").assign(of="z_q")
    of_pair = table().query("of == 'difference'").assign(by="T1w and FLAIR")
    assert outcomes(pd.concat([reads, later, of_pair]), "synthetic_a", "neuroquant")[0] == "contradicted"
    near = table(lead=(0.0, -0.1, 0.1))
    assert outcomes(pd.concat([near, of_pair]), "synthetic_a", "neuroquant")[0] == "undecided"

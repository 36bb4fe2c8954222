"""A cohort's role: whether models train on it, and what an experiment can do without a cohort that they train on."""

from pathlib import Path

import pytest

from neuroquant.config.load import resolve_experiment
from neuroquant.config.parts import part_of, read_part, without_names
from neuroquant.errors import InputError

HERE = Path(__file__).parents[2] / "config"
EXTERNAL = {"synthetic_b": {"role": "external"}}
ALONE = {"cohorts": ["synthetic_b"], "overrides": EXTERNAL, "models": ["lowpass"]}


def resolved(**change):
    raw = {"experiment": "mine", "cohorts": ["synthetic_a", "synthetic_b"], "models": ["mean", "neuroquant"]}
    return resolve_experiment(raw | change, HERE, "mine.yaml")


def test_one_key_makes_a_cohort_external_and_its_name_says_so_wherever_it_is_shown():
    experiment = resolved(overrides=EXTERNAL)
    cohort = experiment.cohort("synthetic_b")
    assert cohort.external and cohort.shown == "Synthetic B (external)"
    assert experiment.training_cohorts == ("synthetic_a",)
    part = read_part(part_of(experiment, "cohorts"))
    assert part.cohort("synthetic_b").shown == cohort.shown and part.training_cohorts == ("synthetic_a",)
    assert resolve_experiment(experiment.model_dump(mode="json"), HERE, "resolved") == experiment


def test_no_published_value_stands_beside_an_external_cohort():
    assert resolved().cohort("synthetic_b").stands_for == "ABCD"
    assert resolved(overrides=EXTERNAL).cohort("synthetic_b").stands_for == ""


def test_all_subjects_of_an_external_cohort_are_test_subjects_whatever_the_split_says(tmp_path):
    experiment = resolved(overrides=EXTERNAL, split={"train": 0.6, "val": 0.2, "test": 0.2, "file": "published.tsv"})
    split = experiment.split_of("synthetic_b")
    assert (split.train, split.val, split.test, split.file) == (0, 0, 1, "")
    assert experiment.split_of("synthetic_a") == experiment.split


def test_the_ablation_and_figure_4_are_shown_on_the_first_cohort_that_models_train_on():
    experiment = resolved(cohorts=["synthetic_b", "synthetic_a"], overrides=EXTERNAL)
    assert experiment.table1.cohorts == ("synthetic_b", "synthetic_a")
    assert experiment.table2.cohorts == ("synthetic_a",) and experiment.figure4.cohort == "synthetic_a"


def test_no_scan_is_read_again_when_a_role_changes():
    before, after = (resolved(overrides=change).cohort("synthetic_b") for change in ({}, EXTERNAL))
    assert before != after and without_names(before) == without_names(after)


@pytest.mark.parametrize("name", ["ixi", "hcp_ya", "hcp_ya_unprocessed"])
def test_the_shipped_cohorts_can_be_external(name, monkeypatch):
    for variable in ("IXI_ROOT", "HCP_ROOT"):
        monkeypatch.setenv(variable, "/data")
    experiment = resolved(cohorts=["synthetic_a", name], overrides={name: {"role": "external"}})
    assert experiment.cohort(name).shown.endswith("(external)") and experiment.cohort(name).layout == "custom"


def test_what_a_cohort_is_told_in_overrides_stands_in_the_cohort_alone():
    """The shared configuration has no folders of cohorts, and thus none in `overrides` either."""
    experiment = resolved(overrides={"synthetic_b": {"label": "Other"}, "neuroquant": {"label": "x"}})
    assert experiment.cohort("synthetic_b").shown == "Other" and list(experiment.overrides) == ["neuroquant"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"overrides": {"synthetic_c": {"role": "external"}}}, "did you mean `synthetic_"),
        ({"overrides": {"synthetic_b": {"role": "test"}}}, "'all' or 'external'"),
        ({"overrides": {"synthetic_b": "external"}}, "a mapping of changes"),
        ({"overrides": EXTERNAL, "split": {"counts": {"synthetic_b": [1, 1, 1]}}}, "split.counts.synthetic_b"),
        ({"cohorts": ["synthetic_b"], "overrides": EXTERNAL}, "model mean, which needs training subjects"),
        ({"cohorts": ["synthetic_b"], "overrides": EXTERNAL, "models": ["sd_vae"]}, "model sd_vae, which needs"),
        (ALONE | {"segmentation": {"engine": "standin"}}, "segmentation.engine: standin, which needs"),
    ],
)
def test_what_an_external_cohort_cannot_be_is_refused_before_the_first_job(change, said):
    with pytest.raises(InputError) as refused:
        resolved(**change)
    assert said in str(refused.value)


def test_models_that_need_no_training_can_be_scored_on_external_cohorts_alone():
    experiment = resolved(**ALONE, segmentation={"engine": "none"})
    assert experiment.training_cohorts == () and experiment.figure4.cohort == "synthetic_b"

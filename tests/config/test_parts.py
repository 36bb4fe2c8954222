"""Parts of an experiment: what a job reads back, and what it can't."""

import copy

import pytest

from neuroquant.config.experiment import Experiment
from neuroquant.config.load import merge, resolve_experiment
from neuroquant.config.parts import UndeclaredSetting, part_of, read_part, without_names
from tests.workflow.run import ROOT, TINY


def tiny(**changes: object) -> Experiment:
    return resolve_experiment(merge(copy.deepcopy(TINY), changes), ROOT / "config", "tiny.yaml")


def test_a_part_reads_back_as_it_was():
    experiment = tiny()
    names = ("modalities", "models", "cohorts", "table1", "statistics", "report.identifiable")
    part = read_part(part_of(experiment, *names))
    assert part.modalities == experiment.modalities and part.table1 == experiment.table1
    assert part.statistics == experiment.statistics and part.report.identifiable is False
    for model, whole in zip(part.models, experiment.models, strict=True):
        assert (model.name, model.shown, model.group) == (whole.name, whole.shown, whole.group)
    assert part.cohort("synthetic").shown == "Synthetic" and part.model("pca").group == "reference"


@pytest.mark.parametrize(
    "read",
    [
        lambda part: part.table2,
        lambda part: part.report.title,
        lambda part: part.models[0].training,
        lambda part: part.model("neuroquant").parameters,
        lambda part: part.cohort("synthetic").root,
        lambda part: hasattr(part, "volume"),
    ],
)
def test_reading_an_undeclared_setting_raises(read):
    part = read_part(part_of(tiny(), "models", "cohorts", "table1", "report.identifiable"))
    with pytest.raises(UndeclaredSetting, match="declares"):
        read(part)


def test_a_setting_of_every_model_can_be_added():
    part = read_part(part_of(tiny(), "models", "models.training.phases"))
    assert [phase.mode for phase in part.model("neuroquant").training.phases] == ["3d", "2d"]
    with pytest.raises(UndeclaredSetting):
        part.model("neuroquant").training.seed  # noqa: B018


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"report": {"title": "Another"}}, {"report.title"}),
        ({"statistics": {"confidence": 0.9}}, {"statistics"}),
        ({"overrides": {"neuroquant": {"training": {"seed": 9}}}}, {"models.training"}),
        ({"table1": {"models": ["sd_vae", "neuroquant"]}}, {"table1"}),
    ],
)
def test_a_part_changes_with_its_own_settings_alone(change, changed):
    names = ("report.title", "statistics", "models", "models.training", "table1", "cohorts", "modalities")
    before, after = tiny(), tiny(**change)
    assert {name for name in names if part_of(before, name) != part_of(after, name)} == changed


def test_what_only_tables_show_of_a_model_or_cohort_can_be_taken_away():
    experiment = tiny()
    model, cohort = without_names(experiment.model("neuroquant")), without_names(experiment.cohort("synthetic"))
    assert (model.label, model.published_as, cohort.label, cohort.stands_for) == ("", "", "", "")
    assert model.training == experiment.model("neuroquant").training and cohort.synthetic is not None


def test_a_name_that_no_setting_has_is_refused():
    with pytest.raises(AttributeError):
        part_of(tiny(), "statistic")

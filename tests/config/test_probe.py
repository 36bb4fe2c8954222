"""What probes predict, as the configuration has it."""

import pytest
from pydantic import ValidationError

from neuroquant.config.cohort import Cohort
from neuroquant.config.evaluation import Probe
from neuroquant.config.experiment import Experiment


def test_sex_from_the_main_latent_is_no_further_aim_and_always_there():
    assert Probe().aims == () and Probe().named_targets == {} and Probe().columns == ()
    assert Probe(targets=["age"], inputs=["both"]).aims == (("age", "both"),)
    asked = Probe(targets=["sex", "age"], inputs=["main", "anatomy"])
    assert asked.aims == (("sex", "anatomy"), ("age", "main"), ("age", "anatomy"))


def test_names_of_what_the_index_knows_are_so_in_any_case_and_others_stay():
    asked = Probe(targets=[" Age", "SITE", "IQ"])
    assert asked.targets == ("age", "site", "IQ") and asked.columns == ("IQ",)


@pytest.mark.parametrize("names", [["age", "Age"], ["iq", "IQ "], [" "], [], ["a\tb"]])
def test_a_target_twice_or_without_a_name_is_refused(names):
    with pytest.raises(ValidationError):
        Probe(targets=names)


def test_every_column_has_a_path_of_its_own():
    columns = ["IQ", "IQ-a", "IQ a", "IQ/a", "Händigkeit", "../x", "a" * 60, "a" * 61, "%"]
    names = Probe(targets=columns).named_targets
    assert list(names.values()) == columns and all(name.replace("-", "").isalnum() for name in names)
    assert all(name.isascii() and len(name) <= 49 for name in names)


def experiment(missing, *targets):
    cohort = Cohort(name="study", root="x", missing=missing)
    return Experiment(
        cohorts=[cohort],
        models=[{"name": "mean", "architecture": "baselines.mean"}],
        probe={"targets": targets or ["sex"]},
    )


def test_codes_of_missing_values_may_be_of_any_target_and_a_misspelt_fact_is_refused():
    assert experiment({"iq": [-999]}, "iq").cohorts[0].missing["iq"] == ["-999"]
    assert experiment({"iq": [-999]}).cohorts[0].missing["age"], "other experiments read the same file"
    with pytest.raises(ValidationError, match="'famly' is no known column; write family"):
        experiment({"famly": []})
    assert experiment({"Ages": []}, "ages").probe.columns == ("ages",)

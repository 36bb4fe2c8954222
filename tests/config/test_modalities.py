"""What an experiment may say of its modalities."""

from pathlib import Path

import pytest

from neuroquant.config.load import read_yaml, resolve_experiment
from neuroquant.errors import InputError

CONFIG = Path(__file__).parents[2] / "config"


def demo(**changes):
    """The demo with other settings."""
    return resolve_experiment(read_yaml(CONFIG / "demo.yaml") | changes, CONFIG, "demo.yaml")


def test_the_target_of_registration_is_one_of_the_modalities():
    assert demo(volume={"registration_target": "T2w"}).volume.registration_target == "T2w"
    with pytest.raises(InputError, match="FLAIR isn't one of the experiment's modalities .T1w, T2w."):
        demo(volume={"registration_target": "FLAIR"})


@pytest.mark.parametrize(
    ("names", "words"),
    [(["T1w", "mask"], "mask is no modality"), (["Age"], "Age is no modality"), (["T1w", "t1w"], "each modality once")],
)
def test_names_that_tables_cannot_tell_apart_are_refused(names, words):
    with pytest.raises(InputError, match=words):
        demo(modalities=names)


def test_a_cohort_that_still_says_modalities_is_told_the_new_key():
    cohort = {"name": "study", "root": "/data", "modalities": "paired"}
    with pytest.raises(InputError, match="write `require: all`"):
        demo(cohorts=["synthetic_a", "synthetic_b", cohort])

import warnings

import numpy as np
import torch

from neuroquant.config.evaluation import Probe
from neuroquant.evaluation.probe import run
from neuroquant.evaluation.probe.linear import fit_linear
from neuroquant.evaluation.probe.samples import Sample
from neuroquant.store.arrays import Record


def test_visits_of_a_subject_never_judge_the_strength_that_was_fitted_to_its_other_visits():
    """Latents that identify a subject and say nothing about sex must not look like knowledge of sex."""
    generator = np.random.default_rng(3)
    subjects = np.repeat(np.arange(24), 6)
    fingerprints = generator.normal(size=(24, 12))[subjects]
    sexes = torch.tensor(np.tile([0, 1], 12)[subjects])
    latents = fingerprints + 0.05 * generator.normal(size=fingerprints.shape)
    (sex_of,) = fit_linear(latents, sexes, subjects)
    strangers = generator.normal(size=(200, 12))
    assert np.abs(sex_of(strangers)[:, 1] - 0.5).mean() < 0.1, "it is sure of people about whom it can't know anything"


def test_folds_keep_families_whole_of_which_subjects_are_known(monkeypatch):
    """Twins look alike: one must not judge the strength that was fitted to the other."""
    families = ["f1", "f1", "f2", "f2", "", "", "f3", "f3"]
    records = [
        Record("a", f"s{number}", "1", "T1w", "train", family, "FM"[number % 2], 9.0)
        for number, family in enumerate(families)
    ]
    rows = [np.full((2, 2, 2, 2), number, np.float16) for number in range(len(records))]
    given = []

    def seen(features, y, groups, *others):
        given.append(list(groups))
        return [lambda values: values] * (1 + len(others))

    monkeypatch.setattr(run, "fit_linear", seen)
    sample = Sample(rows, torch.tensor([1.0, 0.0] * 4), records, "z")
    run.linear_probes(sample, lambda x: x, Probe())
    assert given == [["a/f1", "a/f1", "a/f2", "a/f2", "a/s4", "a/s5", "a/f3", "a/f3"]]


def test_a_fold_that_lacks_a_class_is_judged_too():
    generator = np.random.default_rng(0)
    families, sexes = np.array([0, 3, 3, 0, 0, 2, 1, 2]), torch.tensor([0, 1, 0, 1, 1, 1, 0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (sex_of,) = fit_linear(generator.normal(size=(8, 4)), sexes, families)
    assert np.isfinite(sex_of(generator.normal(size=(5, 4)))).all()

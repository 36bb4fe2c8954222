import numpy as np
import torch

from neuroquant.evaluation.probe.linear import fit_linear


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

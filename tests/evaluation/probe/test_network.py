"""Sexes are shuffled among subjects, and a probe keeps the weights of its best epoch."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from neuroquant.config.evaluation import Probe
from neuroquant.evaluation.probe import network
from neuroquant.evaluation.probe.targets import SEX


def sample(subjects, y):
    """Latents (N, 1, 2, 2, 2) of some sessions, in memory."""
    x = torch.randn(len(y), 1, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    read = lambda rows, device: x[torch.as_tensor(rows)]  # noqa: E731
    y = torch.tensor(y, dtype=torch.float32)
    return SimpleNamespace(subjects=np.array(subjects), y=y, channels=1, read=read, target=SEX)


def test_visits_of_a_subject_get_the_same_shuffled_sex_and_both_sexes_stay_as_frequent():
    subjects = [f"s{number}" for number in range(12) for _ in range(3)]
    sexes = [float(number % 2) for number in range(12) for _ in range(3)]
    shuffled = network.permuted(sample(subjects, sexes), seed=1).reshape(12, 3)
    assert (shuffled == shuffled[:, :1]).all(), "visits of one subject have different sexes"
    assert shuffled[:, 0].sum() == 6 and shuffled[:, 0].tolist() != [number % 2 for number in range(12)]


def test_the_network_that_is_kept_is_that_of_the_epoch_that_was_best_on_validation_subjects(monkeypatch):
    seen, ranks = [], iter([0.5, 0.9, 0.6])

    def predictor(trained, scale, device, batch):
        seen.append({name: value.clone() for name, value in trained.state_dict().items()})
        return lambda validation: None

    monkeypatch.setattr(network, "network_for", lambda *_: nn.Sequential(nn.Flatten(), nn.Linear(8, 1)))
    monkeypatch.setattr(network, "predictor", predictor)
    monkeypatch.setattr(network, "judge", lambda *_: {"val_balanced_accuracy": next(ranks), "val_loss": 1.0})
    learning = network.Learning(sample("abcd", [0.0, 1.0, 0.0, 1.0]), sample("e", [1.0]), lambda x: x)
    kept, _ = network.fit(learning, Probe(epochs=3, batch=4, lr=30.0, patience=0), 0, "cpu", "m T1w")
    same = [all(torch.equal(kept.state_dict()[name], state[name]) for name in state) for state in seen]
    assert same == [False, True, False]

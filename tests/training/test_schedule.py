"""The learning rate: a warm-up, half a cosine, and a second warm-up where the codebook starts."""

import math

import pytest

from neuroquant.config.model import Phase, Training
from neuroquant.training import loop
from neuroquant.training.schedule import learning_rate
from tests.training.helpers import make_entry, train

PHASE = Phase(steps=101, lr=1.0, lr_end=0.2, warmup=9)


def test_it_rises_over_the_warm_up_and_falls_along_half_a_cosine():
    assert learning_rate(PHASE, 0) == pytest.approx(0.1)
    assert learning_rate(PHASE, 25) == pytest.approx(0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2)
    assert learning_rate(PHASE, 50) == pytest.approx(0.6)
    assert learning_rate(PHASE, 100) == pytest.approx(0.2)


def test_where_the_codebook_starts_the_warm_up_comes_once_more():
    plain, restarted = ([learning_rate(PHASE, step, at) for step in range(101)] for at in (None, 40))
    assert restarted[:40] == plain[:40] and restarted[49:] == plain[49:]
    assert restarted[40] == pytest.approx(0.1 * plain[40]) and restarted[44] == pytest.approx(0.5 * plain[44])


@pytest.mark.parametrize(("lengths", "low"), [((8,), 5), ((3, 8), 5)])
def test_the_loop_restarts_at_the_step_behind_the_codebooks_start(lengths, low, tmp_path, shards, monkeypatch):
    """`start_after` counts steps on volumes of all phases: 5 here, in the first phase or in the second."""
    rates, step = [], loop.train_step
    monkeypatch.setattr(loop, "train_step", lambda *a: (rates.append(a[4]), step(*a))[1])
    phases = tuple(Phase(steps=count, batch=1, lr=1e-3, lr_end=1e-3, warmup=1) for count in lengths)
    entry = make_entry(training=Training(phases=phases))
    entry = entry.model_copy(update={"parameters": entry.parameters | {"start_after": 5}})
    train(tmp_path, shards[0], entry=entry)
    begins = {0, *(sum(lengths[:number]) for number in range(1, len(lengths)))}
    assert {number for number, rate in enumerate(rates) if rate < 1e-3} == begins | {low}

"""Scans are spoiled as they say, more with every step, and the same way each time."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from neuroquant.config.robustness import FAULTS
from neuroquant.evaluation.robustness.faults import DEGREES, MISSING, NOISE, spoiled

SHAPE = (24, 28, 20)


@pytest.fixture(scope="module")
def head():
    """A smooth head of two tissues, (D, H, W) in [-1, 1] with background -1."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in SHAPE), indexing="ij"))
    radius = np.sqrt((grid**2 * np.array([1.5, 1.2, 1.8])[:, None, None, None]).sum(0))
    tissue = np.where(radius < 1, 0.4 + 0.4 * (grid[1] > 0.2) * (radius < 0.6), 0.0)
    return torch.from_numpy(ndimage.gaussian_filter(2 * tissue, 1).astype(np.float32) - 1).clamp(-1, 1)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_grows_with_its_strength_and_is_the_same_each_time(head, fault):
    off = [float((spoiled(head, fault, strength, 3) - head).abs().mean()) for strength in (0.0, 1 / 3, 2 / 3, 1.0)]
    assert off[0] == 0 < off[1] < off[2] < off[3]
    once, again = (spoiled(head, fault, 1.0, 3) for _ in range(2))
    others = [spoiled(head, fault, 1.0, seed) for seed in range(4, 10)]
    assert torch.equal(once, again) and not all(torch.equal(once, other) for other in others)
    assert once.shape == head.shape and once.dtype == torch.float32 and -1 <= once.min() and once.max() <= 1


def test_noise_has_the_stated_deviation_where_nothing_is_cut_off(head):
    middle = (head > -0.6) & (head < 0.0)
    added = (spoiled(head, "noise", 1.0, 0) - head)[middle]
    assert float(added.std()) == pytest.approx(NOISE * float(head.max() - head.min()), rel=0.1)


def test_missing_slices_are_background_and_the_others_untouched(head):
    found = spoiled(head, "missing_slices", 1.0, 1)
    for axis in range(3):
        changed = (found != head).movedim(axis, 0).flatten(1).any(1)
        if int(changed.sum()) <= round(MISSING * SHAPE[axis]):
            assert bool((found.movedim(axis, 0)[changed] == -1).all())
            break
    else:
        pytest.fail("no axis along which only whole slices changed")


def test_a_rotation_turns_by_ten_degrees_and_keeps_the_head(head):
    found = spoiled(head, "rotation", 1.0, 0)
    turned = [
        ndimage.rotate(head.numpy() + 1, sign * DEGREES, axes=axes, reshape=False, order=1) - 1
        for sign in (-1, 1)
        for axes in ((0, 1), (0, 2), (1, 2))
    ]
    closest = min(float(np.abs(found.numpy() - one).mean()) for one in turned)
    assert closest < 0.25 * float((found - head).abs().mean())
    assert float((found + 1).sum()) == pytest.approx(float((head + 1).sum()), rel=0.03)


def test_a_bias_field_is_smooth_and_multiplies(head):
    inside = head > -0.5
    ratio = ((spoiled(head, "bias_field", 0.5, 5) + 1) / (head + 1))[inside]
    assert 0.3 < float(ratio.min()) < float(ratio.max()) < 3 and float(ratio.std()) > 0.02
    assert torch.equal(spoiled(head, "bias_field", 0.5, 5)[head == -1], head[head == -1]), "background stays"

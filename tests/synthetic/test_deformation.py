"""Deformations: invertible, smooth, and growth by the stated share."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from neuroquant.synthetic.deformation import (
    GRID_MM,
    Deformation,
    coarse_grid,
    exponential,
    folding,
    growth_velocity,
    random_velocity,
)

SHAPE = (18, 20, 17)
SEEDS = st.integers(0, 2**31)


def velocity_of(seed: int, amplitude: float) -> np.ndarray:
    return random_velocity(np.random.default_rng(seed), SHAPE, amplitude)


def identity() -> np.ndarray:
    return np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in SHAPE), indexing="ij"))


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, amplitude=st.floats(0.5, 5))
def test_there_and_back_is_the_identity_within_a_third_of_a_millimetre(seed, amplitude):
    velocity = velocity_of(seed, amplitude)
    there, back = exponential(velocity), exponential(-velocity)
    moved = identity() + there / GRID_MM
    rest = there + np.stack([ndimage.map_coordinates(part, moved, order=1, mode="nearest") for part in back])
    inside = (slice(None), *(slice(4, -4),) * 3)  # beyond the edge the field isn't known
    assert np.abs(rest[inside]).max() < 0.3


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, amplitude=st.floats(0.5, 6))
def test_nothing_folds(seed, amplitude):
    assert folding(exponential(velocity_of(seed, amplitude))) > 0


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS)
def test_displacements_have_the_stated_size(seed):
    assert 2 < exponential(velocity_of(seed, 3.0)).std() < 4


def test_folding_is_noticed():
    displacement = np.zeros((3, *SHAPE))
    displacement[0] = -2.5 * GRID_MM * identity()[0]
    assert folding(displacement) < 0
    assert folding(np.zeros((3, *SHAPE))) == 1


def test_a_displacement_read_at_its_own_grid_is_itself():
    displacement = exponential(velocity_of(0, 3.0))
    axes = tuple(np.arange(1, n - 2) * GRID_MM - 7 for n in SHAPE)
    read = Deformation(displacement, np.full(3, -7.0), GRID_MM).at(axes)
    np.testing.assert_allclose(read, displacement[:, 1:-2, 1:-2, 1:-2], atol=1e-3)


def ball(radius: float) -> np.ndarray:
    x, y, z = np.meshgrid(*(np.arange(60) - 30.0,) * 3, indexing="ij")
    return np.where(x**2 + y**2 + z**2 < radius**2, 4, 2).astype(np.int16)


def test_a_structure_grows_by_the_stated_share():
    labels, affine = ball(11), np.eye(4)
    velocity = growth_velocity(labels, affine, (4,), 0.1)
    origin, _ = coarse_grid(labels.shape, affine)
    axes = tuple(np.arange(60, dtype=np.float32) for _ in range(3))
    displacement = Deformation(exponential(velocity), origin, GRID_MM).at(axes)
    points = np.stack(np.meshgrid(*axes, indexing="ij")) + displacement
    grown = ndimage.map_coordinates((labels == 4).astype(np.float32), points, order=1)
    assert 1.07 < grown.sum() / (labels == 4).sum() < 1.14


def test_without_growth_or_without_the_structure_nothing_moves():
    assert not growth_velocity(ball(11), np.eye(4), (4,), 0.0).any()
    assert not growth_velocity(ball(11), np.eye(4), (43,), 0.1).any()

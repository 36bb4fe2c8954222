"""Laws of cutting out and putting back: no voxel moves in space, and what was inside comes back exactly."""

import nibabel as nib
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroquant.scans.grid import from_ras, ras_affine, to_ras
from neuroquant.volumes.geometry import (
    bounding_box,
    centred_start,
    cut,
    paste,
    volume_affine,
)

SIDES = st.tuples(*[st.integers(1, 12)] * 3)
STARTS = st.tuples(*[st.integers(-15, 15)] * 3)
ORIENTATIONS = st.tuples(st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3), st.integers(0, 9))


def oriented(orientation) -> np.ndarray:
    """An affine whose voxel axes run along some order and direction of the world's, slightly oblique."""
    order, signs, seed = orientation
    generator = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order] * signs * generator.uniform(0.5, 3, 3) + generator.uniform(-0.1, 0.1, (3, 3))
    affine[:3, 3] = generator.uniform(-50, 50, 3)
    return affine


def numbered(shape) -> np.ndarray:
    return np.arange(1, np.prod(shape) + 1).reshape(shape)


@settings(max_examples=100, deadline=None)
@given(shape=SIDES, orientation=ORIENTATIONS)
def test_turning_to_ras_and_back_is_exact_and_no_voxel_moves(shape, orientation):
    array, affine = numbered(shape), oriented(orientation)
    turned, moved = to_ras(array, affine), ras_affine(shape, affine)
    assert nib.aff2axcodes(moved) == ("R", "A", "S")
    np.testing.assert_array_equal(from_ras(turned, affine), array)
    for voxel in {tuple(np.array(shape) - 1), (0, 0, 0), tuple(np.array(shape) // 2)}:
        place = np.argwhere(turned == array[voxel])[0]
        np.testing.assert_allclose(moved @ [*place, 1], affine @ [*voxel, 1], atol=1e-9)


@settings(max_examples=200, deadline=None)
@given(shape=SIDES, volume=SIDES, start=STARTS)
def test_cut_then_paste_gives_back_exactly_what_lay_inside(shape, volume, start):
    array, start = numbered(shape), np.array(start)
    piece = cut(array, start, volume, 0)
    back = paste(piece, start, shape, 0)
    inside = np.ones(shape, bool)
    for axis, places in enumerate(np.indices(shape)):
        inside &= (places >= start[axis]) & (places < start[axis] + volume[axis])
    np.testing.assert_array_equal(back, np.where(inside, array, 0))
    assert np.count_nonzero(piece) == inside.sum()


@settings(max_examples=100, deadline=None)
@given(shape=SIDES, volume=SIDES, shares=st.tuples(*[st.floats(0, 1)] * 3), orientation=ORIENTATIONS)
def test_a_voxel_keeps_its_place_in_space_when_it_is_cut_out(shape, volume, shares, orientation):
    """The volume's start lies anywhere from where it holds the scan's first voxel to where it begins with the last."""
    array, affine = numbered(shape), oriented(orientation)
    start = [round(u * (side + own - 2)) - own + 1 for u, side, own in zip(shares, shape, volume, strict=True)]
    piece = cut(array, np.array(start), volume, 0)
    for place in np.argwhere(piece)[::7]:
        voxel = np.argwhere(array == piece[tuple(place)])[0]
        np.testing.assert_allclose(volume_affine(affine, start) @ [*place, 1], affine @ [*voxel, 1], atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 999), shape=SIDES, volume=SIDES)
def test_the_box_is_the_smallest_and_lies_in_the_middle(seed, shape, volume):
    generator = np.random.default_rng(seed)
    mask = generator.random(shape) < 0.1
    mask[tuple(generator.integers(0, shape))] = True
    first, size = bounding_box(mask)
    boxed = cut(mask, first, tuple(size), False)
    assert boxed.sum() == mask.sum()
    assert all(boxed.take(end, axis).any() for axis in range(3) for end in (0, -1))
    before = first - centred_start(first, size, volume)
    after = np.array(volume) - before - size
    assert (np.abs(before - after) <= 1).all()

"""Batches: a function of seed and step, both modalities, slices that show brain."""

import numpy as np
import pytest
import torch

from neuroquant.config.model import Phase
from neuroquant.training.data import Loader, Sessions, voxels_seen
from tests.training.helpers import batches, write_volumes


def test_a_batch_is_a_function_of_seed_and_step_alone(shards):
    first, again = batches(shards[0], "3d"), batches(shards[0], "3d")
    assert all(torch.equal(a.x, b.x) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].x, first[1].x)


def test_every_session_is_seen_once_an_epoch():
    class Fake(Sessions):
        def __init__(self):
            self.images = [[]] * 7

    order = Fake().order(3, 0, 21)
    for epoch in range(3):
        assert sorted(order[7 * epoch : 7 * epoch + 7]) == list(range(7))
    assert order[:7] != order[7:14] != order[14:], "each epoch has an order of its own"


def test_slices_come_from_all_three_planes_and_show_brain(shards):
    found = batches(shards[0], "2d")
    assert {batch.plane for batch in found} == {0, 1, 2}
    for batch in found:
        assert batch.x.shape[2 + batch.plane] == 1
        assert (batch.x > -1).flatten(1).any(1).all()
        pairs = batch.partner[batch.partner]
        assert torch.equal(pairs, torch.arange(len(pairs)))


def test_slices_are_drawn_from_all_places_that_show_brain():
    class Whole(Sessions):
        def __init__(self):
            image = np.broadcast_to(np.linspace(0, 1, 16, dtype=np.float16)[:, None, None], (16, 4, 4))
            self.images = [[(0, image)]]

    values = {float(Whole().slices([0], 0, np.random.default_rng(seed)).x.max()) for seed in range(200)}
    assert len(values) == 16


def test_of_a_pair_each_image_has_the_other_as_its_partner(shards):
    batch = Sessions([shards[0]]).volumes([0, 1])
    assert batch.partner.tolist() == [1, 0, 3, 2]


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_slice_is_the_same_place_of_both_modalities(shards, plane):
    sessions = Sessions([shards[0]])
    batch = sessions.slices([1], plane, np.random.default_rng(0))
    first, second = (torch.from_numpy(np.array(image)) for _, image in sessions.images[1])
    places = [n for n in range(16) if torch.equal(first.select(plane, n), batch.x[0, 0].select(plane, 0))]
    assert any(torch.equal(second.select(plane, n), batch.x[1, 0].select(plane, 0)) for n in places)


def test_a_scan_whose_brain_fills_one_slice_still_gives_that_slice(tmp_path):
    class OneSlice(Sessions):
        def __init__(self):
            image = np.full((64, 8, 8), -1, np.float16)
            image[32] = 0.5
            self.images = [[(0, image)]]

    found = [OneSlice().slices([0], 0, np.random.default_rng(seed)).x.max() for seed in range(20)]
    assert all(value == 0.5 for value in found)


def test_a_slicewise_model_gets_its_own_plane_only(shards):
    assert {batch.plane for batch in batches(shards[0], "2d", plane_axis=2)} == {2}


def test_rows_with_a_partner_are_listed(tmp_path):
    batch = batches(write_volumes(tmp_path / "mixed.h5", subjects=3, only_t1=1), "3d")[0]
    assert torch.equal(batch.paired, (batch.partner >= 0).nonzero().flatten())
    assert len(batch.x) == 5 and len(batch.paired) == 4


@pytest.mark.parametrize("phase", [Phase(), Phase(crop=(8, 16, 24)), Phase(mode="2d")])
@pytest.mark.parametrize("plane_axis", [None, 2])
def test_the_voxels_of_a_training_are_those_of_its_batches(tmp_path, phase, plane_axis):
    class Uneven(Sessions):
        """Volumes with sides that differ, and a session with one modality."""

        def __init__(self):
            image = np.zeros((16, 8, 12), np.float16)
            self.images = [[(0, image), (1, image)], [(1, image)], [(0, image), (1, image)]]

    phase, sessions, seen = phase.model_copy(update={"steps": 9, "batch": 2}), Uneven(), 0
    for number in range(2):
        with Loader(sessions, phase, number, 5, plane_axis) as loader:
            seen += sum(loader.batch(step).x.numel() for step in range(phase.steps))
    assert voxels_seen(sessions, (phase, phase), 5, plane_axis) == seen > 0

"""TensorBoard's files and pictures: every step once, in spite of an interruption, and nothing else changes."""

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from neuroquant.config.model import Training
from neuroquant.errors import InputError
from neuroquant.training import loop
from neuroquant.training.watch import CAPTION, draw
from tests.training.helpers import SHAPE, make_entry, train

EVERY_4 = make_entry(training=Training(phases=make_entry().training.phases, log_every=2, pictures_every=4))


@pytest.fixture
def events():
    """Reads what is under a folder, as TensorBoard would."""

    def read(folder):
        found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
        return found.Reload()

    return read


def test_every_row_and_every_picture_is_there_once_after_an_interruption(tmp_path, shards, events, monkeypatch):
    step, calls = loop.train_step, []

    def broken(*arguments):
        calls.append(1)
        if len(calls) == 9:
            raise InputError("power", "a cut", "none", "try again")
        return step(*arguments)

    monkeypatch.setattr(loop, "train_step", broken)
    entry = EVERY_4.model_copy(update={"training": EVERY_4.training.model_copy(update={"checkpoint_every": 3})})
    with pytest.raises(InputError, match="a cut"):
        train(tmp_path, shards[0], entry=entry)  # six steps are saved, eight are shown
    train(tmp_path, shards[0], entry=entry)
    found = events(tmp_path / "progress")
    assert [event.step for event in found.Scalars("l1")] == [2, 3, 4, 6, 8, 9, 10, 11]
    assert [event.step for event in found.Images("reconstructions")] == [4, 8, 11]
    names = sorted(path.name for path in (tmp_path / "progress").glob("*.png"))
    assert names == [f"reconstructions-{step:08d}.png" for step in (4, 8, 11)]


def test_pictures_change_no_weight(tmp_path, shards):
    plain = train(tmp_path / "plain", shards[0])
    watched = train(tmp_path / "watched", shards[0], val=shards[1:], entry=EVERY_4)
    assert all((plain[name] == watched[name]).all() for name in plain)


def test_a_picture_holds_both_modalities_their_reconstructions_and_swaps(tmp_path, shards):
    train(tmp_path, shards[0], entry=EVERY_4)
    picture = np.asarray(Image.open(tmp_path / "progress/reconstructions-00000011.png"))
    zoom = -(-96 // min(SHAPE))
    depth, height, width = (zoom * side for side in SHAPE)
    assert picture.shape == (6 * (max(width, height) + CAPTION), 2 * depth + height)
    assert picture.std() > 0


def test_slices_are_the_middle_of_each_plane_the_right_way_up():
    volume = np.full((100, 120, 110), -1.0, np.float32)
    volume[50, 60, 55:] = 1.0  # a line from the middle upwards
    drawn = draw({"T1w": volume})[CAPTION:]
    sagittal = drawn[:, :120]
    column = sagittal[-110:, 60]
    assert column[:55].min() == 255 and column[55:].max() == 0

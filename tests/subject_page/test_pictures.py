"""Slices go through the brain, lie as they are described, and are drawn with the mask's own border."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from neuroquant.errors import InputError
from neuroquant.subject_page import encode
from tests.subject_page.made import SHAPE, egg, session

DETAIL = encode.DETAILS[0]


def opened(uri):
    """The pixels of a data URI."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("L"))


def test_left_is_left_the_front_and_the_top_are_up():
    volume = np.zeros(SHAPE, np.float32)
    volume[2, 28, 17] = 1.0  # left, front, top
    one = session(images={"T1w": np.ones(SHAPE, np.float32)}, reconstructions={})
    assert np.argwhere(one.cut(volume, 2, 17)).tolist() == [[3, 2]], "axial: near the first row, near the first column"
    assert np.argwhere(one.cut(volume, 1, 28)).tolist() == [[2, 2]], "coronal"
    assert np.argwhere(one.cut(volume, 0, 2)).tolist() == [[2, 28]], "sagittal: the front is on the right"
    assert one.half(2) == "left" and one.half(21) == "right"


@pytest.mark.parametrize("count", [1, 2, 3, 6])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_go_evenly_through_the_brain(axis, count):
    one = session()
    places, (first, last) = one.places(axis, count), one.brain[axis]
    assert len(places) == count and first <= places[0] and places[-1] < last
    assert max(np.diff(places), default=0) - min(np.diff(places), default=0) <= 1
    assert abs(np.mean(places) - (first + last - 1) / 2) <= 1.5


def test_the_box_holds_the_brain_and_what_the_mask_misses():
    mask = np.zeros(SHAPE, bool)
    mask[10:14, 14:18, 8:12] = True
    one = session(mask=mask)
    inside = np.argwhere(egg() > 0)
    for axis, (first, last) in enumerate(one.box):
        assert first <= inside[:, axis].min() and inside[:, axis].max() < last
    assert one.brain == [(10, 14), (14, 18), (8, 12)]
    empty = session(mask=np.zeros(SHAPE, bool), images={"T1w": np.zeros(SHAPE, np.float32)}, reconstructions={})
    assert empty.box == empty.brain == [(0, side) for side in SHAPE] and empty.white == {"T1w": 1.0}


def test_a_picture_holds_the_slice_and_the_error_its_size():
    shown = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
    grey = opened(encode.grey(shown, 0.5, DETAIL))
    assert grey.shape == (48, 64) and np.abs(grey - np.clip(shown * 510, 0, 255)).mean() < 4
    none, some, most = (opened(encode.error(shown + by, shown, DETAIL)).mean() for by in (0, 0.1, 0.3))
    assert none < 5 < some < most
    assert most == pytest.approx(opened(encode.error(shown + 0.9, shown, DETAIL)).mean(), abs=2)


def test_large_slices_are_made_smaller_and_not_a_number_is_black():
    assert max(opened(encode.grey(np.ones((600, 300), np.float32), 1.0, DETAIL)).shape) == DETAIL.side
    assert opened(encode.grey(np.full((32, 32), np.nan, np.float32), 1.0, DETAIL)).max() < 5


def test_the_outline_is_the_border_of_the_mask():
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:9] = True
    start, steps = re.fullmatch(r"M(\d+ \d+)l([-\d ]+)z", encode.path(mask)).groups()
    pairs = [start, *re.findall(r"-?\d+ -?\d+", steps)]
    points = np.cumsum([[int(number) for number in pair.split()] for pair in pairs], axis=0)
    assert points.min(axis=0).tolist() == [6, 4] and points.max(axis=0).tolist() == [18, 10], "in half pixels"
    assert encode.path(np.zeros((4, 4), bool)) == ""
    assert encode.path(np.ones((4, 4), bool)).count("M") == 1, "one that fills the slice is closed too"
    ring = np.ones((9, 9), bool)
    ring[4, 4] = False
    assert encode.path(ring).count("M") == 2


def test_the_outline_of_a_mask_of_specks_is_a_picture_of_points_and_stays_small():
    specks = np.indices((192, 144)).sum(axis=0) % 2 > 0
    drawn = encode.outline(specks)
    assert len(drawn) < 8000 and "<path" not in drawn
    assert np.array_equal(opened(re.search(r'href="([^"]+)"', drawn)[1]) > 0, specks)


def test_arrays_of_different_grids_are_refused():
    with pytest.raises(InputError, match=r"reconstruction T2w of \(2, 2, 2\) voxels"):
        session(reconstructions={"T2w": np.zeros((2, 2, 2), np.float32)})


def test_the_fingerprint_follows_every_voxel_shown():
    prints = {session().fingerprint, session(copies=False).fingerprint, session(mask=egg(hole=False) > 1).fingerprint}
    assert len(prints) == 3 and session().fingerprint in prints

"""Intensities within the brain fill [-1, 1]; outside of it is background, whatever the scan shows there."""

import numpy as np
import pytest

from neuroquant.volumes.intensity import denormalise, intensity_bounds, normalise


def test_outside_the_brain_is_background_also_where_the_scan_has_signal():
    data = np.array([[[0.0, 50.0, 100.0, 200.0]]])
    volume = normalise(data, np.array([[[False, True, True, False]]]), (0.0, 100.0))
    assert volume.ravel().tolist() == [-1, 0, 1, -1] and volume.dtype == np.float16


def test_the_lower_bound_is_never_below_zero():
    assert intensity_bounds(np.array([-40.0, 0.0, 60.0]), (0.0, 100.0)) == (0.0, 60.0)
    assert intensity_bounds(np.array([5.0, 60.0]), (0.0, 100.0)) == (5.0, 60.0)


def test_within_the_bounds_nothing_is_lost_but_half_precision():
    data = np.linspace(20, 800, 64).reshape(4, 4, 4)
    back = denormalise(normalise(data, np.ones_like(data, bool), (20.0, 800.0)), (20.0, 800.0))
    assert back == pytest.approx(data, abs=800 * 2**-11)

"""A codebook that has died stops the training of its model, by the log."""

import pytest

from neuroquant.errors import InputError
from neuroquant.models.neuroquant.health import check_codebook, steps_alone


def logged(step, perplexity, mode="3d"):
    return {"step": step, "mode": mode, "perplexity": perplexity}


def test_a_codebook_with_one_code_in_use_stops_the_training_after_a_thousand_steps():
    rows = [logged(100, 7.0)] + [logged(step, 1.0) for step in range(200, 1100, 100)]
    check_codebook("training of model", rows)
    with pytest.raises(InputError, match="(?s)training of model, step 1100.*every token gets the same code"):
        check_codebook("training of model", [*rows, logged(1100, 1.2)])
    with pytest.raises(InputError, match="raise parameters.dead_below"):
        check_codebook("x", [*rows, logged(1100, 1.2)], revives=True)
    with pytest.raises(InputError, match="quantizer.kind to ema, which revives idle codes") as caught:
        check_codebook("x", [*rows, logged(1100, 1.2)], revives=False)
    assert "dead_below" not in str(caught.value)


def test_a_codebook_that_recovers_has_not_started_or_rests_on_slices_is_not_dead():
    assert steps_alone([logged(1, 1.0), logged(2000, 2.0)]) == 0
    assert steps_alone([logged(1, 0.0), logged(2000, 0.0)]) == 0
    assert steps_alone([logged(1, 1.0), logged(500, 1.0), logged(5000, 1.0, mode="2d")]) == 0
    assert steps_alone([{"step": 1, "mode": "3d"}, {"step": 5000, "mode": "3d"}]) == 0

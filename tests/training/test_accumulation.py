"""A step cut into pieces is the same step, whatever modalities the pieces have."""

import pytest
import torch
from pydantic import ValidationError

from neuroquant import models
from neuroquant.config.model import Phase
from neuroquant.training.data import Loader, Sessions
from neuroquant.training.loop import How, train_step
from tests.training.helpers import PARAMETERS, awake, batches, make_entry, write_volumes

TOLERANCE = {"atol": 2e-6, "rtol": 1e-4}
"""Float32 sums in another order, over eight steps of Adam at a rate of 1e-4."""


def steps(shard, accumulate, mode="3d", count=8, **parameters):
    """Weights, codebook and the terms of each step after `count` steps on batches of four sessions."""
    torch.manual_seed(0)
    model = models.build("neuroquant", {**PARAMETERS, "reservoir": 20, **parameters}).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, fused=True)
    entry, terms = make_entry(), []
    with Loader(Sessions([shard]), Phase(mode=mode, steps=count, batch=4), 0, 0, None) as loader:
        for step in range(count):
            batch = loader.batch(step).to("cpu")
            found, norm = train_step(model, optimizer, batch, entry, 1e-4, How(accumulate=accumulate))
            terms.append({name: float(value) for name, value in found.items()} | {"norm": float(norm)})
    return model, terms


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Four sessions, one of them with one modality alone: pieces differ in images and in pairs."""
    return write_volumes(tmp_path_factory.mktemp("mixed") / "mixed.h5", only_t1=1)


@pytest.mark.parametrize("mode", ["3d", "2d"])
@pytest.mark.parametrize("accumulate", [2, 4])
def test_pieces_of_a_batch_give_the_weights_of_the_whole(mixed, mode, accumulate):
    whole, terms = steps(mixed, 1, mode)
    pieces, others = steps(mixed, accumulate, mode)
    assert bool(whole.quantizer.started) == (mode == "3d")
    for a, b in zip(terms, others, strict=True):
        assert b == pytest.approx(a, rel=2e-4, abs=1e-7)
    torch.testing.assert_close(pieces.state_dict(), whole.state_dict(), **TOLERANCE)


def test_sessions_of_one_modality_alone_can_be_cut_up_too(tmp_path):
    shard = write_volumes(tmp_path / "single.h5", only_t1=4)
    (whole, terms), (pieces, others) = steps(shard, 1), steps(shard, 2)
    assert all(found["cross"] == 0 for found in terms + others)
    torch.testing.assert_close(pieces.state_dict(), whole.state_dict(), **TOLERANCE)


def test_the_reservoir_holds_the_same_tokens_however_the_batch_is_cut(mixed):
    whole, pieces = steps(mixed, 1, count=1)[0].quantizer, steps(mixed, 4, count=1)[0].quantizer
    assert whole.filled == 5
    torch.testing.assert_close(pieces.recent, whole.recent, atol=1e-5, rtol=1e-5)


def test_shares_of_the_pieces_add_up_and_partners_stay_partners(mixed):
    with Loader(Sessions([mixed]), Phase(steps=1, batch=4), 0, 0, None) as loader:
        batch = loader.batch(0)
    pieces = batch.split(2)
    assert sum(piece.share for piece in pieces) == pytest.approx(1)
    assert sum(piece.paired_share for piece in pieces) == pytest.approx(1)
    assert torch.equal(torch.cat([piece.x for piece in pieces]), batch.x)
    assert sorted(len(piece.x) for piece in pieces) == [3, 4]
    for piece in pieces:
        assert torch.equal(piece.paired, (piece.partner >= 0).nonzero().flatten())
        assert torch.equal(piece.partner[piece.partner[piece.paired]], piece.paired)


def test_a_step_on_slices_leaves_every_number_of_the_codebook_as_it_is(mixed):
    """Its counts would decay and its clock run on: the ramp of the adversary and the start go by steps on volumes."""
    model, batch = awake(), batches(mixed, "2d")[0].to("cpu")
    with torch.no_grad():
        model.encode_train(batches(mixed, "3d")[0].to("cpu").x)
    model.quantizer.update()
    before = {name: value.clone() for name, value in model.quantizer.state_dict().items()}
    train_step(model, torch.optim.SGD(model.parameters()), batch, make_entry(), 1e-3, How())
    assert model.quantizer.steps() == 1 and before["count"].any()
    assert all(torch.equal(before[name], value) for name, value in model.quantizer.state_dict().items())


def test_a_batch_that_is_no_multiple_of_accumulate_is_refused():
    with pytest.raises(ValidationError, match="batch must be a multiple of accumulate; 4 isn't one of 3"):
        Phase(batch=4, accumulate=3)


def test_a_checkpoint_does_not_mind_another_accumulate():
    from neuroquant.config.volume import Volume
    from neuroquant.training.identity import identity

    one, two = (Phase(batch=4, accumulate=n) for n in (1, 2))
    schedule = make_entry().training
    first, second = (
        identity(make_entry(training=schedule.model_copy(update={"phases": (phase,)})), Volume(), [])
        for phase in (one, two)
    )
    assert first == second


@pytest.mark.parametrize("accumulate", [1, 4])
def test_a_step_updates_the_codebook_once(mixed, accumulate):
    """Whatever the modalities, passes and pieces: both modalities' tokens of all pieces, in one update."""
    model, _ = steps(mixed, accumulate, count=5, start_after=0)
    assert int(model.quantizer.updates) == 5
    assert model.quantizer.step_count.sum() == 0, "none is left over"

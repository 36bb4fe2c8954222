"""A step never waits for the device: it runs whole on tensors that hold no data, so that nothing of it asks for any."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from neuroquant import models
from neuroquant.models.batch import Batch
from neuroquant.models.neuroquant.quantizers import Quantizer
from neuroquant.training.loop import How, train_step
from tests.training.helpers import PARAMETERS, make_entry


def step(sessions, plane, started, accumulate=1, after_losses=lambda model: None, parameters=PARAMETERS):
    """One step on tensors without data, of sessions with so many modalities each."""
    with FakeTensorMode():
        model = models.build("neuroquant", parameters).train()
        for part in model.modules():
            if isinstance(part, Quantizer):
                part._started = started  # asked of the device once, after loading
        for buffer in model.buffers():
            buffer.constant = None  # PyTorch remembers what scalars were made of
        update = model.quantizer.update
        model.quantizer.update = lambda: (after_losses(model), update())
        optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, fused=True)
        rows, partner = sum(sessions), []
        for count in sessions:
            partner += [len(partner) + 1, len(partner)] if count == 2 else [-1]
        paired = torch.empty(2 * sessions.count(2), dtype=torch.long)
        sides = [1 if axis == plane else 16 for axis in range(3)]
        x, partner = torch.empty(rows, 1, *sides), torch.empty(rows, dtype=torch.long)
        batch = Batch(x, torch.empty(rows, dtype=torch.long), partner, paired, plane, sessions)
        return train_step(model, optimizer, batch, make_entry(), 1e-4, How(accumulate=accumulate))


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize(
    ("sessions", "plane", "accumulate"), [((2, 2), None, 1), ((2, 1), None, 2), ((1, 1), None, 1), ((2, 2), 1, 1)]
)
def test_no_part_of_a_step_asks_the_device_for_a_value(sessions, plane, accumulate, started):
    terms, norm = step(sessions, plane, started, accumulate)
    assert "l1" in terms and norm.ndim == 0


@pytest.mark.parametrize(
    "ask", [lambda model: model.quantizer.count.sum().item(), lambda model: int(model.quantizer.updates.add_(1))]
)
def test_a_part_that_asked_would_be_noticed(ask):
    with pytest.raises(DataDependentOutputException):
        step((2, 2), None, True, after_losses=ask)

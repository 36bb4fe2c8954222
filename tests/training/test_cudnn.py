"""The check at the start of training passes sound convolutions and stops at those of a broken cuDNN."""

import pytest
import torch
import torch.nn.functional as F

from neuroquant.errors import InputError
from neuroquant.training import cudnn, run
from tests.training.helpers import make_entry, train


def test_sound_convolutions_pass_and_all_kinds_are_looked_at():
    found = list(cudnn.errors("cpu"))
    assert len(found) == 3 * 2 * 3  # kinds, layouts, the result and two gradients
    assert all(1e-4 < error < cudnn.MOST / 2 for _, error in found), "bfloat16 rounds, and no more"
    cudnn.check_convolutions("cpu")


@pytest.mark.parametrize("name", ["conv3d", "conv_transpose3d"])
@pytest.mark.parametrize(
    "spoil",
    [lambda y: y * 1.1, lambda y: y.index_fill(1, torch.tensor([3]), 0), lambda y: y * float("nan")],
    ids=["scaled", "a channel lost", "not a number"],
)
def test_a_wrong_result_in_bfloat16_stops_with_what_to_do(monkeypatch, name, spoil):
    sound = getattr(F, name)
    monkeypatch.setattr(
        F, name, lambda x, *a, **k: spoil(sound(x, *a, **k)) if x.dtype == torch.bfloat16 else sound(x, *a, **k)
    )
    with pytest.raises(InputError, match=r"(?s)in bf16 is off by .* install a torch whose cuDNN is sound"):
        cudnn.check_convolutions("cpu")


def test_a_kernel_that_is_wrong_in_one_layout_alone_is_found(monkeypatch):
    sound = F.conv3d

    def last_is_wrong(x, *arguments, **named):
        wrong = x.dtype == torch.bfloat16 and not x.is_contiguous()
        return sound(x, *arguments, **named) * (0.9 if wrong else 1)

    monkeypatch.setattr(F, "conv3d", last_is_wrong)
    with pytest.raises(InputError, match="conv3d in bf16"):
        cudnn.check_convolutions("cpu")


def test_training_in_bf16_on_a_gpu_begins_with_the_check(monkeypatch, tmp_path, shards):
    class Looked(Exception):
        pass

    def look(device):
        raise Looked(device)

    monkeypatch.setattr(run, "resolve_device", lambda device: "cuda")
    monkeypatch.setattr(run, "check_convolutions", look)
    with pytest.raises(Looked, match="cuda"):
        train(tmp_path, shards[0], entry=make_entry())

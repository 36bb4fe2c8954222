"""Muon for the inner matrices, AdamW for the rest, as one optimizer."""

import pytest
import torch
from torch import nn

from neuroquant import models
from neuroquant.config.model import Phase, Training
from neuroquant.models.losses import total
from neuroquant.training.loop import How, train_step
from neuroquant.training.optimizer import FlatMuon, build_optimizer, inner_matrices, orthogonalised
from tests.training.helpers import PARAMETERS, awake, batches, make_entry, train

MUON = Training(
    optimizer="muon",
    phases=(Phase(steps=6, batch=2, lr=1e-3, lr_end=1e-4),),
    log_every=2,
    checkpoint_every=3,
    val_sessions=1,
)


def network():
    torch.manual_seed(0)
    return models.build("neuroquant", PARAMETERS).train()


def test_an_update_of_a_convolution_is_an_orthogonal_matrix_of_adamws_size():
    torch.manual_seed(0)
    conv = nn.Conv3d(4, 8, 3)
    before = conv.weight.detach().clone()
    optimizer = FlatMuon([conv.weight], weight_decay=0.0)
    for group in optimizer.param_groups:
        group["lr"] = 0.01
    conv(torch.randn(2, 4, 5, 5, 5)).square().sum().backward()
    optimizer.step()
    update = ((before - conv.weight) / 0.01).flatten(1)
    values = torch.linalg.svdvals(update.detach()) / (0.2 * update.shape[1] ** 0.5)
    assert values.min() > 0.5 and values.max() < 1.4, "Newton-Schulz brings singular values near 1, not to it"
    assert update.detach().square().mean().sqrt().item() == pytest.approx(0.2, rel=0.3)


def newton_schulz(matrix):
    """The five steps as Jordan et al. write them, in float64."""
    x = matrix.double() / matrix.double().norm()
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (8, 8)])
@pytest.mark.parametrize("rank", [2, 6])
def test_the_direction_is_that_of_newton_schulz_whatever_the_matrix(shape, rank):
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(*sides, generator=generator) for sides in ((shape[0], rank), (rank, shape[1])))
    torch.testing.assert_close(orthogonalised(left @ right).double(), newton_schulz(left @ right), rtol=0, atol=1e-3)


def test_full_rank_directions_are_torchs_up_to_its_bfloat16_and_nothing_gives_nothing():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(16, 48))
    theirs = torch.optim.Muon([weight], lr=1.0, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    ours = nn.Parameter(weight.detach().clone())
    mine = FlatMuon([ours], weight_decay=0.0)
    for _ in range(3):
        weight.grad = torch.randn(16, 48)
        ours.grad = weight.grad.clone()
        theirs.step()
        mine.step()
    torch.testing.assert_close(ours, weight, rtol=0, atol=0.06 * 0.2 * 48**0.5)
    assert torch.equal(orthogonalised(torch.zeros(4, 9)), torch.zeros(4, 9))


def test_layers_at_an_image_embeddings_and_vectors_stay_with_adamw():
    model = network()
    inner = {id(parameter) for parameter in inner_matrices(model)}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in inner}
    assert {
        "encoder.blocks.1.down.weight",
        "decoder.enter.weight",
        "encoder.blocks.3.attention.axes.0.qkv.weight",
    } <= names
    assert not {"encoder.blocks.0.down.weight", "decoder.leave.weight", "film_generator.embedding.weight"} & names
    assert all(parameter.ndim >= 2 for parameter in inner_matrices(model))


def test_every_parameter_has_one_optimizer_and_all_of_them_move():
    model = network()
    optimizer = build_optimizer(model, MUON)
    held = [id(p) for group in optimizer.optimizers[1].param_groups for p in group["params"]]
    held += [id(p) for p in optimizer.optimizers[0].shaped]
    assert sorted(held) == sorted(map(id, model.parameters()))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for group in optimizer.param_groups:
        group["lr"] = 1e-2
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    assert all(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_weight_decay_shrinks_every_parameter_by_the_rate_and_nothing_else_does_without_a_gradient(optimizer, decay):
    model = awake()
    settings = MUON.model_copy(update={"optimizer": optimizer, "weight_decay": decay})
    both = build_optimizer(model, settings)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for group in both.param_groups:
        group["lr"] = 0.5
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    both.step()
    for old, new in zip(before, model.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old * (1 - 0.5 * decay))


@pytest.mark.parametrize("share", [0.25, 0.0, 4.0])
def test_a_gradient_above_the_limit_is_scaled_down_to_it_and_one_below_stays(shards, share):
    """Plain descent shows it: the step is the rate times the clipped gradient. The logged norm is the whole one."""
    batch = batches(shards[0], "3d")[0].to("cpu")
    model = awake(start_after=9)
    total(model.losses(batch, make_entry().objective)).backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    whole = torch.stack([gradient.norm() for gradient in gradients]).norm().item()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    entry = make_entry(training=MUON.model_copy(update={"grad_clip": share * whole}))
    _, norm = train_step(model, torch.optim.SGD(model.parameters()), batch, entry, 1e-2, How())
    moved = torch.stack([(a - b).norm() for a, b in zip(before, model.parameters(), strict=True)]).norm().item()
    assert norm.item() == pytest.approx(whole, rel=1e-3)
    assert moved == pytest.approx(1e-2 * whole * (min(share, 1) or 1), rel=1e-2)


def test_a_training_with_muon_that_was_interrupted_ends_with_the_same_weights(tmp_path, shards, monkeypatch):
    from neuroquant.training import loop

    entry = make_entry(training=MUON)
    straight = train(tmp_path / "straight", shards[0], entry=entry)
    step, calls = loop.train_step, []

    def disturbed(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(loop, "train_step", disturbed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", shards[0], entry=entry)
    again = train(tmp_path / "broken", shards[0], entry=entry)
    assert len(calls) == 8, "went on from the checkpoint after step 3"
    assert all(torch.equal(straight[name], again[name]) for name in straight)
    adamw = train(
        tmp_path / "adamw", shards[0], entry=make_entry(training=MUON.model_copy(update={"optimizer": "adamw"}))
    )
    assert not torch.equal(adamw["decoder.enter.weight"], straight["decoder.enter.weight"])

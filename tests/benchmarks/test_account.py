"""Operations, bytes and launches of a training step are counted as they are."""

import pytest
import torch

from tests.benchmarks.scripts import SHAPE, entries, printed

import account as accounting  # isort: skip
import train_step  # isort: skip

pytestmark = pytest.mark.slow


def test_the_account_scales_with_the_voxels_but_for_attention_along_lines(small_entry):
    small, large, largest = (accounting.account(small_entry, (side, 32, 32), 1) for side in (32, 64, 96))
    for part in ("encoder", "decoder"):
        assert large.flop[part] == pytest.approx(2 * small.flop[part], rel=1e-3)
        grown = large.saved[part] - small.saved[part]  # what's left are up-sampling kernels, whatever the size
        assert largest.saved[part] - large.saved[part] == pytest.approx(grown, rel=0.001)
    assert large.flop["attention"] > 2 * small.flop["attention"]


def test_the_account_of_a_decoder_holds_its_forward_and_backward_pass(small_entry):
    """Eight products a voxel and channel for an up-sampling convolution; the backward pass has twice the operations."""
    bare = entries.with_parameters(small_entry, attention=False, film=False)
    flop = accounting.account(bare, SHAPE, 1).flop
    code, channels, head = (bare.parameters[key] for key in ("code_dim", "channels", "head_channels"))
    side, widths = SHAPE[0] // 2 ** len(channels), [*reversed(channels), head]
    images, forward = 2, 27 * code * widths[0] * side**3
    for inside, outside in zip(widths, widths[1:], strict=False):
        forward += 27 * inside**2 * side**3 + 8 * inside * outside * (2 * side) ** 3
        side *= 2
    forward += head * side**3
    assert flop["decoder"] == pytest.approx(3 * 2 * images * forward, rel=0.01)
    assert flop["attention"] == 0 and flop["rest"] < 0.05 * flop["decoder"]


def test_slices_are_accounted_for_part_by_part(small_entry):
    found = accounting.account(small_entry, SHAPE, 2, normal=1)
    assert all(value >= 0 for value in found.flop.values())
    assert min(found.flop[part] for part in ("encoder", "attention", "decoder", "SSIM")) > 0


def test_the_account_is_printed_beside_the_floor(capsys, monkeypatch):
    monkeypatch.setattr(train_step, "SETTINGS", accounting.SETTINGS[2:3])
    lines = printed(
        capsys, monkeypatch, train_step, "--account", "--demo-size", "--shape", "32", "32", "32", "--slices", "2"
    )
    firsts = [line[0] for line in lines]
    assert firsts.count("all") == 2 and firsts.count("floor") == 1
    assert firsts.count("bf16") == 2


def test_the_account_sees_what_precision_and_recomputation_save(small_entry):
    found = {setting: accounting.account(small_entry, SHAPE, 1, None, *setting) for setting in accounting.SETTINGS}
    exact, plain, bf16, compiled, norms, attention = (
        vars(a) | {"saved": sum(a.saved.values()), "flop": sum(a.flop.values())} for a in found.values()
    )
    assert exact["saved"] > plain["saved"] > bf16["saved"] > norms["saved"] > attention["saved"]
    assert bf16["saved"] > compiled["saved"] > norms["saved"], "compiled norms hand their gradients on"
    assert plain["moved"] > norms["moved"] > bf16["moved"] > compiled["moved"]
    assert bf16["launches"] > compiled["launches"] and bf16["flop"] == compiled["flop"]
    assert exact["flop"] == plain["flop"] == bf16["flop"] == norms["flop"] < attention["flop"]
    for setting in (exact, bf16):  # at least all bytes, and at most these and all operations one after the other
        least, bandwidth = setting["least_s"]["H100"], accounting.DEVICES["H100"][1]
        moved = setting["moved"] / bandwidth
        assert moved * (1 - 1e-9) <= least <= moved + setting["flop"] / 989e12
    assert bf16["least_s"]["H200"] < bf16["least_s"]["H100"]


def test_bytes_moved_are_those_of_each_operation_and_views_move_none():
    found = accounting.Account()
    with accounting.Traffic(found):
        x = torch.ones(4, 8)
        made, found.moved = found.moved, 0
        (x.T[None] + torch.ones(()).expand(1, 8, 4)).sum()
    assert made == 4 * 32
    assert found.moved == 4 + 4 * (32 + 1 + 32) + 4 * (32 + 1)


def test_a_kernel_that_is_compiled_reads_and_writes_each_map_once():
    counted, drawn = [], torch.randn(4, 8)
    for compiled in (False, True):
        found = accounting.Account()
        x, weight = drawn.clone().requires_grad_(), torch.ones(8, requires_grad=True)
        with accounting.Traffic(found) as traffic:

            def function(x, weight):
                return torch.nn.functional.silu(x * weight)

            y = accounting.OneKernel.apply(traffic, function, x, weight) if compiled else function(x, weight)
            y.backward(torch.ones(4, 8))
        counted.append((found, x.grad, weight.grad))
    (apart, *gradients), (fused, *same) = counted
    for one, other in zip(gradients, same, strict=True):
        torch.testing.assert_close(one, other)
    forward, backward = 2 * 128 + 32, 3 * 128 + 2 * 32 + 32
    assert fused.moved - 128 == forward + backward and fused.launches == 3 + 1, "and the ones that are made here"
    assert apart.moved > fused.moved


def test_a_norm_that_has_to_copy_its_input_moves_it_once_more():
    norm, found = torch.nn.LayerNorm(8, elementwise_affine=False), [accounting.Account(), accounting.Account()]
    for account, x in zip(found, (torch.ones(4, 8), torch.ones(8, 4).T), strict=True):
        with accounting.Traffic(account):
            norm(x)
    whole, strided = found
    assert strided.moved == whole.moved + 2 * 4 * 32 and strided.launches == whole.launches == 1

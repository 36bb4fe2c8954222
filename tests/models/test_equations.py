"""Layers against their equations, written out once more, in a network whose every part is at work."""

import pytest
import torch
import torch.nn.functional as F

from neuroquant.models.neuroquant.attention import MultiAxisAttention
from neuroquant.models.neuroquant.encoder import attention_of
from neuroquant.models.neuroquant.film import ModalityClassifier, modulate
from tests.models.small import small

torch.set_num_threads(1)


def features(channels=8, side=4):
    """(2, channels, side, side + 1, side + 2), values that differ in size from one channel to the next."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, channels, side, side + 1, side + 2, generator=generator)
    return x * torch.linspace(0.5, 2, channels)[:, None, None, None]


def attention():
    """Attention over the three axes, far from the identity that it starts from."""
    torch.manual_seed(0)
    return MultiAxisAttention(8, 2, "off")


def test_film_parameters_come_from_the_mean_of_z_mod_and_the_images_own_modality():
    """Equations 8 and 9; half of what an MLP gives is gamma, about 1."""
    generator = small().film_generator
    z_mod, modality = features(4), torch.tensor([1, 0])
    u = torch.cat([z_mod.mean((2, 3, 4)), generator.embedding.weight[modality]], dim=1)
    for (gamma, beta), mlp in zip(generator(z_mod, modality), generator.mlps, strict=True):
        out = mlp(u)
        width = out.shape[1] // 2
        torch.testing.assert_close(gamma, 1 + out[:, :width])
        torch.testing.assert_close(beta, out[:, width:])
        assert (gamma[0] - gamma[1]).norm() > 1e-2


def test_each_decoder_layer_has_film_parameters_of_its_own():
    pairs = small().film_generator(features(4), torch.tensor([0, 1]))
    assert len({tuple(gamma[0].tolist()) for gamma, _ in pairs}) == len(pairs) == 5


def test_modulation_scales_and_shifts_each_image_by_its_own_parameters():
    h, gamma, beta = features(), torch.randn(2, 8), torch.randn(2, 8)
    expected = torch.stack(
        [torch.stack([gamma[b, c] * h[b, c] + beta[b, c] for c in range(8)]) for b in range(2)]
    )  # equation 10, a channel at a time
    torch.testing.assert_close(modulate(h, (gamma, beta)), expected)


def test_attention_goes_along_depth_then_height_then_width():
    """Equation 2: the order matters once no axis is the identity."""
    layer, x = attention(), features()
    depth, height, width = layer.axes
    with torch.no_grad():
        expected = width(height(depth(x)))
        torch.testing.assert_close(layer(x), expected)
        assert (depth(height(width(x))) - expected).norm() > 1e-3 * expected.norm()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_axis_mixes_the_voxels_of_its_own_lines_alone(axis):
    layer, x = attention().axes[axis], features()
    changed = x.clone()
    changed[:, 0, 0, 0, 0] += 1  # the norm would undo it in all channels
    with torch.no_grad():
        moved = (layer(changed) - layer(x)).abs().sum((0, 1)) > 1e-6
    line = torch.zeros_like(moved)
    line[tuple(slice(None) if a == axis else 0 for a in range(3))] = True
    assert torch.equal(moved, line)


def test_an_encoder_block_adds_attention_over_its_convolution_to_its_map():
    """Equation 3: F(t) = F + A(Conv(F))."""
    block, x = small().encoder.blocks[1], features(4, 6)
    with torch.no_grad():
        down = block.down(x)
        branch = block.conv(block.activation(down))
        expected = down + block.attention(branch)
        torch.testing.assert_close(block(x), expected)
        assert (expected - down - branch).norm() > 1e-2 * expected.norm()


def test_a_decoder_block_modulates_behind_its_norm_and_attends_in_its_branch():
    """Equation 10, then attention, in the branch; the trunk passes by."""
    block, x = small().decoder.blocks[0], features()
    film = (torch.randn(2, 8), torch.randn(2, 8))
    with torch.no_grad():
        branch = block.conv(F.silu(modulate(block.activation.norm(x), film)))
        expected = block.up(x + block.attention(branch))
        torch.testing.assert_close(block(x, film, None, None), expected)
        assert (expected - block.up(x + branch)).norm() > 1e-2 * expected.norm()


def test_both_sides_of_the_network_have_attention_in_the_same_blocks():
    model = small(attention_blocks=(2, 4))
    assert [block.attention is not None for block in model.encoder.blocks] == [False, True, False, True]
    assert [block.attention is not None for block in model.decoder.blocks] == [True, False, True, False]
    assert attention_of(model.parameters_used, 1) is None


def test_a_classifier_that_pools_takes_the_mean_over_what_it_made_of_each_token():
    torch.manual_seed(0)
    judge, z = ModalityClassifier(8, 12, 2, view="both"), features()
    pooled, tokens = judge(z)
    each = judge.local(z).flatten(2)
    torch.testing.assert_close(pooled[..., 0], judge.out(each.mean(2)))
    torch.testing.assert_close(tokens, judge.out(each.transpose(1, 2)).transpose(1, 2))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
@pytest.mark.parametrize("axis", range(3))
def test_lines_that_the_norm_writes_are_those_of_the_normed_map_bit_for_bit(axis, layout):
    layer = attention().axes[axis]
    x = features().contiguous(memory_format=layout).requires_grad_()
    parameters = (x, layer.norm.weight, layer.norm.bias, layer.qkv.weight)
    found = layer._project(x)
    expected = layer.qkv(layer.norm(x).movedim(axis + 2, -1).movedim(1, -1))
    assert torch.equal(found, expected)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(0))
    gradients = (torch.autograd.grad((lines * weights).sum(), parameters) for lines in (found, expected))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)

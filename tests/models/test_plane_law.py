"""A slice is treated as the middle of a long stack of its copies: 2D mode is the 3D network restricted to a plane."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroquant.models.neuroquant.attention import AxisAttention, MultiAxisAttention
from neuroquant.models.neuroquant.plane import Activation, PlaneConv3d, UpConv3d
from tests.models.small import small, started

PLANES = [0, 1, 2]


def random_slice(plane, seed=0, side=32):
    """A slice (1, 1, ...) in [-1, 1] with one voxel along `plane`."""
    shape = [1 if axis == plane else side for axis in range(3)]
    return torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def ready(slice_, **changes):
    """A model whose codebook has seen the slice."""
    return started(small(**changes), slice_.expand(-1, -1, 32, 32, 32).contiguous())


@pytest.mark.parametrize(
    ("plane", "changes"),
    [(plane, {"attention": attention}) for plane in PLANES for attention in (True, False)]
    + [(1, {"encoder_halves": "last", "attention_blocks": (3, 4)})],
)
def test_a_slice_gets_what_the_middle_of_a_long_stack_of_its_copies_gets(plane, changes):
    slice_, copies, modality = random_slice(plane, seed=plane), 320, torch.tensor([1])
    model = ready(slice_, **changes)
    with torch.no_grad():
        flat = model.encode_train(slice_, plane=plane)
        deep = model.encode_train(slice_.repeat_interleave(copies, plane + 2), off=plane)
        middle = deep.z_anat.narrow(plane + 2, copies // 32, 1)
        torch.testing.assert_close(flat.z_anat, middle, atol=1e-4, rtol=1e-4)
        film = model.film(flat.z_mod, modality)
        z_q = flat.z_q.repeat_interleave(copies // 16, plane + 2)
        reconstruction = model.decode_with(z_q, film, off=plane).narrow(plane + 2, copies // 2, 1)
        torch.testing.assert_close(model.decode_with(flat.z_q, film, plane=plane), reconstruction, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("plane", PLANES)
def test_in_an_even_stack_attention_along_it_is_attention_to_the_own_token(plane):
    """Every token of the line is the same, so that any weights give V of that token; leaving attention out doesn't."""
    torch.manual_seed(plane)
    blocks = {kind: MultiAxisAttention(8, 2, kind) for kind in ("self", "off")}
    blocks["off"].load_state_dict(blocks["self"].state_dict())
    shape = [1 if axis == plane else 4 for axis in range(3)]
    flat = torch.randn(2, 8, *shape)
    with torch.no_grad():
        deep = blocks["self"](flat.repeat_interleave(6, plane + 2)).narrow(plane + 2, 3, 1)
        torch.testing.assert_close(blocks["self"](flat, plane), deep, atol=1e-5, rtol=1e-5)
        assert (blocks["off"](flat, plane) - deep).abs().max() > 1e-2


def test_with_attention_along_the_normal_on_the_law_is_approached_as_the_stack_grows():
    """Zero padding makes the ends of a stack differ, and every token sees them: their weight falls with the length."""
    slice_ = random_slice(0)
    model = ready(slice_, plane_attention="self")
    gaps = []
    with torch.no_grad():
        flat = model.encode_train(slice_, plane=0).z_anat
        for copies in (160, 320, 640):
            deep = model.encode_train(slice_.repeat_interleave(copies, 2)).z_anat.narrow(2, copies // 32, 1)
            gaps.append(float((flat - deep).norm() / flat.norm()))
    assert gaps[2] < 0.7 * gaps[1] < 0.49 * gaps[0]
    assert gaps[2] < 0.02


@settings(max_examples=30, deadline=None)
@given(
    plane=st.sampled_from(PLANES), sides=st.tuples(st.integers(1, 6), st.integers(1, 6)), seed=st.integers(0, 999),
    kind=st.sampled_from(["plain", "strided", "pointwise", "up", "layer"]),
)  # fmt: skip
def test_every_layer_by_itself_keeps_the_law(plane, sides, seed, kind):
    torch.manual_seed(seed)
    layer = {
        "plain": lambda: PlaneConv3d(3, 4, 3, padding=1),
        "strided": lambda: PlaneConv3d(3, 4, 3, stride=2, padding=1),
        "pointwise": lambda: PlaneConv3d(3, 4, 1),
        "up": lambda: UpConv3d(3, 4),
        "layer": lambda: Activation("layer", 3),
    }[kind]()
    shape = list(sides)
    shape.insert(plane, 1)
    flat = torch.randn(2, 3, *shape)
    deep = flat.repeat_interleave(12, plane + 2)
    with torch.no_grad():
        one, whole = (layer(flat, plane), layer(deep)) if kind != "layer" else (layer(flat), layer(deep))
    assert one.shape[plane + 2] == 1
    torch.testing.assert_close(one, whole.narrow(plane + 2, whole.shape[plane + 2] // 2, 1), atol=1e-4, rtol=1e-4)


@settings(max_examples=20, deadline=None)
@given(lines=st.integers(1, 5), length=st.integers(1, 7), axis=st.sampled_from(PLANES), seed=st.integers(0, 999))
def test_attention_is_equation_2_on_every_line(lines, length, axis, seed):
    torch.manual_seed(seed)
    attention, heads, channels = AxisAttention(8, axis, 2), 2, 8
    x = torch.randn(1, channels, *[length if a == axis else lines for a in range(3)])
    with torch.no_grad():
        tokens = attention.norm(x).movedim(1, -1).movedim(axis + 1, -2)  # (1, lines, lines, L, C)
        q, k, v = attention.qkv(tokens).unflatten(-1, (3, heads, channels // heads)).movedim(-3, 0)
        q, k, v = (part.transpose(-2, -3) for part in (q, k, v))
        mixed = torch.softmax(q @ k.transpose(-1, -2) / (channels // heads) ** 0.5, dim=-1) @ v
        expected = x + attention.out(mixed.transpose(-2, -3).flatten(-2)).movedim(-2, axis + 1).movedim(-1, 1)
        torch.testing.assert_close(attention(x), expected, atol=1e-5, rtol=1e-4)


def test_slices_train_the_kernels_of_volumes():
    """The gradient of a slice reaches every plane of a 3D kernel, each as much as the others."""
    layer, slice_ = PlaneConv3d(1, 1, 3, padding=1), torch.randn(1, 1, 1, 5, 5)
    F.mse_loss(layer(slice_, 0), torch.zeros(1, 1, 1, 5, 5)).backward()
    assert (layer.weight.grad != 0).all()
    assert torch.equal(layer.weight.grad[:, :, 0], layer.weight.grad[:, :, 2])

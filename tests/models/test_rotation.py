"""The rotation trick: the value is the code, and the gradient keeps norm and angle as the token is turned."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroquant.models.neuroquant.quantizers.rotation import passed_through, rotated

torch.set_num_threads(1)


def pairs(seed, channels=5, count=20):
    """Tokens (1, C, N), their codes, and a gradient at the codes; float64."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(1, channels, count, generator=generator, dtype=torch.float64) for _ in range(3))


def pull(z, codes, gradient, rotation):
    z = z.requires_grad_()
    return torch.autograd.grad((passed_through(z, codes, rotation) * gradient).sum(), z)[0]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**30))
def test_a_gradient_keeps_its_angle_to_the_token_and_is_scaled_as_the_code_is(seed):
    z, codes, gradient = pairs(seed)
    found = pull(z, codes, gradient, True)
    scale = codes.norm(dim=1) / z.norm(dim=1)
    torch.testing.assert_close(found.norm(dim=1), scale * gradient.norm(dim=1))
    torch.testing.assert_close(
        F.cosine_similarity(found, z.detach(), dim=1), F.cosine_similarity(gradient, codes, dim=1)
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**30))
def test_what_is_at_right_angles_to_token_and_code_passes_with_the_scale_alone(seed):
    z, codes, gradient = pairs(seed)
    plane = torch.linalg.qr(torch.stack([z, codes], -1)[0].movedim(0, 1)).Q  # (N, C, 2)
    across = gradient[0].T[..., None]
    gradient = (across - plane @ (plane.mT @ across))[..., 0].T[None]
    scale = (codes.norm(dim=1) / z.norm(dim=1))[:, None]
    torch.testing.assert_close(pull(z, codes, gradient, True), scale * gradient)


@pytest.mark.parametrize("rotation", [False, True])
def test_the_value_is_the_code(rotation):
    z, codes, _ = pairs(3)
    found = passed_through(z, codes, rotation)
    torch.testing.assert_close(found, codes, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(rotated(z, codes), codes, rtol=1e-9, atol=1e-9)


def test_straight_through_leaves_the_gradient_as_it_is():
    z, codes, gradient = pairs(4)
    assert torch.equal(pull(z, codes, gradient, False), gradient)


def test_opposite_equal_and_empty_tokens_give_their_code_and_a_finite_gradient():
    codes = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]).T[None]
    z = torch.tensor([[-1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]).T[None].requires_grad_()
    found = passed_through(z, codes, True)
    assert torch.equal(found.detach(), codes)
    (gradient,) = torch.autograd.grad(found.sum(), z)
    assert gradient.isfinite().all()
    torch.testing.assert_close(gradient[..., 1], torch.ones(1, 2), msg="where token and code are one, as it is")


@pytest.mark.parametrize("rotation", [False, True])
def test_codes_get_no_gradient_through_the_values(rotation):
    z, codes, _ = pairs(5)
    found = passed_through(z.requires_grad_(), codes.requires_grad_(), rotation)
    assert torch.autograd.grad(found.sum(), codes, allow_unused=True)[0] is None

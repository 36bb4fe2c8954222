"""A transposed convolution that is an up-sampling and a convolution."""

import pytest
import torch
import torch.nn.functional as F

from neuroquant.convolution import upsampled_conv


@pytest.mark.parametrize("sides", [(3, 4, 5), (1, 2, 3), (4, 6), (1, 1)])
def test_values_and_gradients_are_those_of_upsampling_and_convolving(sides):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, *sides, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, *[3] * len(sides), generator=generator, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(4, generator=generator, dtype=torch.float64)
    convolve = F.conv3d if len(sides) == 3 else F.conv2d
    expected = convolve(F.interpolate(x, scale_factor=2, mode="nearest"), weight, bias, padding=1)
    found = upsampled_conv(x, weight, bias)
    torch.testing.assert_close(found, expected)
    pull = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    for a, b in zip(
        torch.autograd.grad(found, (x, weight), pull), torch.autograd.grad(expected, (x, weight), pull), strict=True
    ):
        torch.testing.assert_close(a, b)

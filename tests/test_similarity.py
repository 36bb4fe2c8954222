"""PSNR and SSIM agree with independent implementations and keep float32 under autocast."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from neuroquant.similarity import psnr, ssim3d, ssim_map, ssim_parts

torch.set_num_threads(1)


def pair(shape=(1, 1, 20, 24, 18), seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(shape, generator=generator) * 2 - 1
    return x, (x + 0.3 * torch.randn(shape, generator=generator)).clamp(-1, 1)


def test_psnr_agrees_with_scikit_image():
    x, y = pair()
    expected = peak_signal_noise_ratio(x.numpy(), y.numpy(), data_range=2)
    assert psnr(x, y).item() == pytest.approx(expected, abs=1e-4)


def test_ssim_agrees_with_scikit_image():
    x, y = pair()
    expected = structural_similarity(
        x[0, 0].double().numpy(),
        y[0, 0].double().numpy(),
        data_range=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        truncate=3.4,
    )
    assert ssim3d(x, y).item() == pytest.approx(expected, abs=2e-5)


def test_ssim_agrees_with_monai():
    from monai.metrics import SSIMMetric

    x, y = pair((2, 1, 16, 16, 16))
    expected = SSIMMetric(spatial_dims=3, data_range=2.0)(x, y).flatten()
    np.testing.assert_allclose(ssim3d(x, y).numpy(), expected.numpy(), atol=1e-5)


def test_equal_images_are_perfect():
    x, _ = pair()
    assert psnr(x, x).isinf().all() and ssim3d(x, x).item() == pytest.approx(1, abs=1e-6)


def test_the_metrics_are_float32_under_autocast():
    """The released code's SSIM under autocast: off by 0.05, its gradient at a cosine of 0.33 to the right one."""
    x, y = pair()

    def value_and_gradient(under):
        image = y.clone().requires_grad_()
        with under:
            value = ssim3d(x, image).mean()
        value.backward()
        return value, image.grad

    exact, gradient = value_and_gradient(nullcontext())
    found, pull = value_and_gradient(torch.autocast("cpu", dtype=torch.bfloat16))
    assert found.dtype == torch.float32 and torch.equal(found, exact) and torch.equal(pull, gradient)
    assert ssim3d(x.bfloat16(), y.bfloat16()).dtype == torch.float32
    ratio = psnr(x, y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(psnr(x, y), ratio) and psnr(x, y).dtype == torch.float32


def test_without_the_switch_autocast_would_spoil_them(monkeypatch):
    x, y = pair()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        luminance, structure = ssim_parts.__wrapped__.__wrapped__(x, y)
    bare = luminance * structure
    assert (bare.float() - ssim_map(x, y)).abs().max() > 0.01


def test_a_mask_restricts_both_metrics():
    x, y = pair()
    y[..., :9] = x[..., :9]
    mask = torch.zeros_like(x, dtype=torch.bool)
    mask[..., :9] = True
    assert psnr(x, y, mask).isinf().all()
    assert ssim3d(x, y, mask=mask).item() > ssim3d(x, y).item()


def test_a_slice_gets_the_two_dimensional_ssim():
    x, y = pair((1, 1, 1, 24, 18))
    expected = structural_similarity(
        x[0, 0, 0].double().numpy(),
        y[0, 0, 0].double().numpy(),
        data_range=2,
        gaussian_weights=True,
        use_sample_covariance=False,
        truncate=3.4,
    )
    assert ssim3d(x, y).item() == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("shape", [(1, 1, 7, 24, 8), (1, 1, 2, 3, 20)])
def test_the_window_shrinks_to_the_largest_odd_side_that_fits(shape):
    x, y = pair(shape)
    sides = [min(11, side - 1 + side % 2) for side in shape[2:]]
    values = ssim_map(x, y)
    assert list(values.shape[2:]) == [n - side + 1 for n, side in zip(shape[2:], sides, strict=True)]
    assert values.isfinite().all() and (values <= 1).all()


def test_the_map_is_cropped_by_the_windows_margin():
    x, y = pair()
    y[..., :9] = x[..., :9]
    values = ssim_map(x, y)
    assert values.shape == (1, 1, 10, 14, 8)
    # voxel k of the map looks at voxels k to k + 10: none of the last ones sees only the equal part
    assert (values[..., 0] < 1 - 1e-6).any() and (values < 1).any()
    changed = y.clone()
    changed[..., 11:] = -changed[..., 11:]
    torch.testing.assert_close(ssim_map(x, changed)[..., 0], values[..., 0])


def test_ssim_is_symmetric_and_its_gradient_is_right():
    x, y = (part.double() for part in pair((1, 1, 5, 6, 7)))
    assert ssim3d(x, y).item() == pytest.approx(ssim3d(y, x).item(), abs=1e-6)
    variable = y.float().requires_grad_()
    ssim3d(x.float(), variable, window=5).sum().backward()
    direction = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    step = 1e-2
    rise = ssim3d(x, y.float() + step * direction, window=5) - ssim3d(x, y.float() - step * direction, window=5)
    assert (rise / (2 * step)).item() == pytest.approx((variable.grad * direction).sum().item(), rel=2e-2)


def five_means(x, y):
    """SSIM's two factors from five smoothed images in float64, as the formula is written."""
    x, y = x.double(), y.double()
    weights = torch.exp(-0.5 * ((torch.arange(11, dtype=torch.float64) - 5) / 1.5) ** 2)
    weights = weights / weights.sum()
    window = (weights[:, None, None] * weights[:, None] * weights)[None, None]
    mean_x, mean_y, xx, yy, xy = (torch.conv3d(image, window) for image in (x, y, x * x, y * y, x * y))
    c1, c2 = 0.02**2, 0.06**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * (xy - mean_x * mean_y) + c2) / (xx - mean_x**2 + yy - mean_y**2 + c2)
    return luminance, structure


@pytest.mark.parametrize("both", [False, True])
def test_fewer_smoothed_images_give_the_same_factors_and_gradients(both):
    x, y = pair()
    x.requires_grad_(both)
    y.requires_grad_()
    inputs = (x, y) if both else (y,)
    found, expected = ssim_parts(x, y), five_means(x, y)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=0, atol=1e-5)
    gradients = (torch.autograd.grad((one * other).mean(), inputs) for one, other in (found, expected))
    for one, other in zip(*gradients, strict=True):
        assert (one - other).norm() < 1e-5 * other.norm()

"""A check at the start of training: some cuDNN releases (9.8 to 9.10) compute 3D convolutions in bfloat16 wrongly."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.errors import InputError

MOST = 0.02
"""Relative error that rounding to bfloat16, 8 bits of mantissa, explains with room to spare; wrong results are off by
tens of per cent."""
PARTS = ("", "the gradient of the image of ", "the gradient of the kernel of ")
CHANNELS, SIDE = 32, 16
LAYOUTS = (torch.contiguous_format, torch.channels_last_3d)
"""Norms per voxel hand channels on last, norms over space don't: cuDNN has other kernels for each."""


def check_convolutions(device: str) -> None:
    """Compare the network's kinds of 3D convolution, forward and backward, in bfloat16 with float32 on `device`.

    Raises
    ------
    InputError
        If the two differ by more than bfloat16's rounding explains.
    """
    for name, error in errors(device):
        if not error <= MOST:  # nan fails too
            raise InputError(
                "cuDNN",
                f"version {torch.backends.cudnn.version()}: {name} in bf16 is off by {error:.0%}",
                f"an error below {MOST:.0%}",
                "install a torch whose cuDNN is sound (2.10 or newer), or set training.precision: fp32",
            )


def errors(device: str) -> Iterator[tuple[str, float]]:
    """Relative error in bfloat16 of results and gradients of every kind of convolution and memory layout."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, CHANNELS, SIDE, SIDE, SIDE, generator=generator).to(device)
    weight = (torch.randn(CHANNELS, CHANNELS, 3, 3, 3, generator=generator) / (27 * CHANNELS) ** 0.5).to(device)
    wide = (torch.randn(CHANNELS, CHANNELS, 4, 4, 4, generator=generator) / (8 * CHANNELS) ** 0.5).to(device)
    kinds: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Tensor]] = {
        "conv3d": (lambda x, w: F.conv3d(x, w, padding=1), weight),
        "conv3d with stride 2": (lambda x, w: F.conv3d(x, w, stride=2, padding=1), weight),
        "conv_transpose3d": (lambda x, w: F.conv_transpose3d(x, w, stride=2, padding=1), wide),
    }
    for name, (convolve, kernel) in kinds.items():
        exact = run(convolve, x, kernel)
        for layout in LAYOUTS:
            rounded = run(convolve, x.bfloat16().contiguous(memory_format=layout), kernel.bfloat16())
            for part, a, b in zip(PARTS, exact, rounded, strict=True):
                yield part + name, float((a - b.float()).norm() / a.norm())


def run(convolve: Callable[[Tensor, Tensor], Tensor], x: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The result, and what a gradient that equals it gives for image and kernel."""
    x, kernel = x.detach().requires_grad_(), kernel.detach().requires_grad_()
    result = convolve(x, kernel)
    return result.detach(), *torch.autograd.grad(result, (x, kernel), result.detach())

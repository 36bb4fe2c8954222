"""Operations and memory of a training step, counted on tensors without data: no GPU, no time, any size."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from neuroquant import models
from neuroquant.config.model import ModelRow
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.neuroquant.attention import MultiAxisAttention
from neuroquant.models.neuroquant.decoder import Decoder
from neuroquant.models.neuroquant.encoder import Encoder
from neuroquant.models.neuroquant.quantizer import Quantizer
from neuroquant.similarity import ssim3d
from neuroquant.training import objective
from neuroquant.training.data import Batch

PARTS = ("encoder", "attention", "quantiser", "decoder", "SSIM", "rest")
KINDS = ((MultiAxisAttention, "attention"), (Encoder, "encoder"), (Decoder, "decoder"), (Quantizer, "quantiser"))
NAMED = {"encoder": "encoder", "decoder": "decoder", "quantizer": "quantiser", "similarity": "SSIM"}
"""How PyTorch's counter calls the parts, in lower case, and without the model where its own forward pass was called."""


@dataclass
class Account:
    """One training step: floating-point operations and bytes kept for the backward pass, by part.

    Attributes
    ----------
    flop : forward and backward; products of matrices and convolutions, a multiplication and an addition each
    saved : bytes of activations; parameters left out, what several parts keep counted at the first
    """

    flop: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    saved: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))


class Similarity(nn.Module):
    """SSIM3D as a module, so that its operations have a name."""

    def forward(self, x: Tensor, y: Tensor, window: int) -> Tensor:
        """As `neuroquant.similarity.ssim3d`."""
        return ssim3d(x, y, window)


def make_batch(shape: tuple[int, int, int], pairs: int, plane: int | None = None) -> Batch:
    """An empty batch of pairs of volumes, or of slices with normal `plane`."""
    sides = [1 if axis == plane else side for axis, side in enumerate(shape)]
    rows = torch.arange(2 * pairs)
    return Batch(torch.empty(2 * pairs, 1, *sides), rows % 2, rows + 1 - 2 * (rows % 2), torch.arange(2 * pairs), plane)


def account(row: ModelRow, shape: tuple[int, int, int], pairs: int, plane: int | None = None) -> Account:
    """Count one step of `row` in float32, its codebook started.

    FLOPs go by the module that an operation belongs to, forward or backward. Attention is counted as the fused kernel
    that never keeps the weights. Saved bytes are what lives between forward and backward: all terms of the loss are
    summed before the one backward pass, so that their sum is close to the peak.
    """
    found = Account()
    with FakeTensorMode():
        model = models.build(row.architecture, row.parameters).train()
        if model.quantizer is not None:
            model.quantizer._started = True  # asking the tensor needs data
        batch, similarity = make_batch(shape, pairs, plane), Similarity()
        counter = FlopCounterMode(display=False, custom_mapping=ATTENTION)
        with counter, _saved(model, similarity, found.saved), patch.object(objective, "ssim3d", similarity):
            objective.total(objective.losses(model, batch, row.objective)).backward()
    for name, operations in counter.get_flop_counts().items():
        flop, name = sum(operations.values()), name.removeprefix("NeuroQuant.").lower()
        found.flop["rest"] += flop if name == "global" else 0
        if name in NAMED:
            found.flop[NAMED[name]] += flop
            found.flop["rest"] -= flop
        if name.endswith(".attention"):
            found.flop["attention"] += flop
            found.flop[name.split(".")[0]] -= flop
    return found


@contextmanager
def _saved(model: Autoencoder, similarity: nn.Module, saved: dict[str, int]) -> Iterator[None]:
    """Add up what autograd keeps, by the innermost part that is at work."""
    stack, kept = ["rest"], []
    seen = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in seen:
            seen.add(storage._cdata)
            kept.append(tensor)  # or another storage could take its place
            saved[stack[-1]] += storage.nbytes()
        return tensor

    handles = []
    for module in (*model.modules(), similarity):
        part = next((name for kind, name in KINDS if isinstance(module, kind)), None)
        part = "SSIM" if module is similarity else part
        if part is not None:
            handles.append(module.register_forward_pre_hook(lambda *_, part=part: stack.append(part)))
            handles.append(module.register_forward_hook(lambda *_: stack.pop() and None))
    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            yield
    finally:
        for handle in handles:
            handle.remove()


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _attention_backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_backward_flop_count(grad, query, key, value)


ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
"""Operations of the fused kernel of CPUs, which PyTorch's counter leaves out."""

"""Operations and memory of a training step, counted on tensors without data: no GPU, no time, any size."""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import (
    FlopCounterMode,
    flop_registry,
    sdpa_backward_flop_count,
    sdpa_flop_count,
    shape_wrapper,
)

from neuroquant import models
from neuroquant.config.model import ModelEntry, Phase
from neuroquant.models import losses
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.batch import Batch
from neuroquant.models.neuroquant import attention, plane
from neuroquant.models.neuroquant.attention import MultiAxisAttention
from neuroquant.models.neuroquant.decoder import Decoder
from neuroquant.models.neuroquant.encoder import Encoder
from neuroquant.models.neuroquant.quantizers import Quantizer
from neuroquant.similarity import ssim3d

PARTS = ("encoder", "attention", "quantiser", "decoder", "SSIM", "rest")
KINDS = ((MultiAxisAttention, "attention"), (Encoder, "encoder"), (Decoder, "decoder"), (Quantizer, "quantiser"))
NAMED = {"encoder": "encoder", "decoder": "decoder", "quantizer": "quantiser", "similarity": "SSIM"}
"""How PyTorch's counter calls the parts, in lower case, and without the model where its own forward pass was called."""


DEVICES = {"H100": (989e12, 3.35e12), "H200": (989e12, 4.8e12)}
"""Data sheets of the SXM models: bf16 operations a second on tensor cores, without sparsity, and bytes a second."""


@dataclass
class Account:
    """One training step: floating-point operations and bytes kept for the backward pass, by part.

    Attributes
    ----------
    flop : forward and backward; products of matrices and convolutions, a multiplication and an addition each
    saved : bytes of activations; parameters left out, what several parts keep counted at the first
    moved : bytes that all operations together read and write, one by one as PyTorch runs them without a compiler
    launches : operations that read or write anything; a kernel each on a GPU, or more
    least_s : by device, the sum over these operations of what each takes at least, for its arithmetic or its bytes
    """

    moved: int = 0
    launches: int = 0
    least_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(DEVICES, 0.0))
    flop: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    saved: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))


COMPILED = "bf16, norms compiled"
SETTINGS = (
    ("fp32", "nothing"),
    ("bf16, norms in fp32", "nothing"),
    ("bf16", "nothing"),
    (COMPILED, "nothing"),
    ("bf16", "norms"),
    ("bf16", "attention"),
)
"""Of the account. The second is what autocast does with norms by itself, the fourth `training.compile: norms`."""


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


class AsOnGPUs(TorchFunctionMode):
    """Autocast of CPUs with what that of GPUs does besides: norms and losses in float32."""

    FLOAT32 = (F.layer_norm, F.group_norm, F.l1_loss, F.mse_loss, F.cross_entropy)

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in self.FLOAT32 and torch.is_autocast_enabled("cpu"):
            args = [
                value.float() if isinstance(value, Tensor) and value.is_floating_point() else value for value in args
            ]
        return function(*args, **(kwargs or {}))


class Traffic(TorchDispatchMode):
    """Adds up the bytes of what each operation reads and writes, and the least time that it takes on some devices."""

    def __init__(self, found: Account):
        super().__init__()
        self.found, self.within = found, False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if self.within:  # a kernel that is counted as one
            return result
        if function.namespace != "aten" or function.is_view or function in NOTHING_MOVES:
            return result
        size = sum(map(_bytes, tree_leaves((args, kwargs or {}, result))))
        if function._overloadpacket in COPIED_FIRST:
            size += 2 * sum(_bytes(x) for x in tree_leaves(args) if isinstance(x, Tensor) and not x.is_contiguous())
        count = COUNTED.get(function._overloadpacket)
        self.add(size, count(*args, **(kwargs or {}), out_val=result) if count else 0)
        return result

    def add(self, size: int, flop: int = 0) -> None:
        """Count one kernel."""
        self.found.moved += size
        self.found.launches += 1
        for name, (operations, bandwidth) in DEVICES.items():
            self.found.least_s[name] += max(flop / operations, size / bandwidth)


class OneKernel(torch.autograd.Function):
    """A function of a map and a few vectors as a compiler makes it: each map is read once and written once.

    Forward it reads the map and writes the result. Backward it reads the map, from which it computes all else again,
    and the gradient, and writes the map's gradient; sums for the vectors' gradients are a second launch, of little.
    """

    @staticmethod
    def forward(context: Any, traffic: Traffic, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """function(*inputs)."""
        context.traffic, context.function = traffic, function
        context.save_for_backward(*inputs)
        traffic.within = True
        result = function(*inputs)
        traffic.within = False
        traffic.add(_bytes(result) + sum(map(_bytes, inputs)))
        return result

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Any, ...]:
        """The inputs' gradients; those of parameters are added to them as they would be."""
        traffic, inputs = context.traffic, [x.detach().requires_grad_() for x in context.saved_tensors]
        traffic.within = True
        own = torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor)
        with torch.enable_grad(), own:  # what lives within the kernel alone isn't kept
            context.function(*inputs).backward(gradient)
        traffic.within = False
        traffic.add(_bytes(gradient) + 2 * sum(map(_bytes, inputs)))
        traffic.add(sum(map(_bytes, inputs[1:])))
        return None, None, *(x.grad for x in inputs)


COPIED_FIRST = {torch.ops.aten.native_layer_norm, torch.ops.aten.native_layer_norm_backward}
"""Kernels that copy what isn't contiguous, unseen by the dispatcher: read and written once more."""
NOTHING_MOVES = {torch.ops.aten.detach.default, torch.ops.aten._unsafe_view.default, torch.ops.aten.empty.memory_format}


def _bytes(value: Any) -> int:
    """Bytes of a tensor that are there to be read: what is expanded counts once."""
    if not isinstance(value, Tensor):
        return 0
    sides = [side for side, stride in zip(value.shape, value.stride(), strict=True) if stride]
    return math.prod(sides) * value.element_size()


def account(
    entry: ModelEntry,
    shape: tuple[int, int, int],
    pairs: int,
    normal: int | None = None,
    precision: str = "fp32",
    recompute: str = "nothing",
) -> Account:
    """Count one step of `model`, its codebook started.

    FLOPs go by the module that an operation belongs to, forward or backward. Attention is counted as the fused kernel
    that never keeps the weights. Saved bytes are what lives between forward and backward: all terms of the loss are
    summed before the one backward pass, so that their sum is close to the peak.

    Parameters
    ----------
    normal : of slices; None for volumes.
    precision : "fp32", or "bf16" for autocast as it is on GPUs; "bf16, norms in fp32" without what `plane.as_it_comes`
        does against autocast's own way with norms; "bf16, norms compiled" as with `training.compile: norms`.
    recompute : as `training.recompute`, but "auto".
    """
    found = Account()
    bf16 = torch.autocast("cpu", torch.bfloat16) if precision.startswith("bf16") else nullcontext()
    traffic = Traffic(found)
    with FakeTensorMode(), _norms(precision, traffic):
        model = models.build(entry.architecture, entry.parameters).train()
        model.recompute(recompute)
        for part in model.modules():
            if isinstance(part, Quantizer):
                part._started = True  # asking the tensor needs data
        batch, similarity = make_batch(shape, pairs, normal), Similarity()
        counter = FlopCounterMode(display=False, custom_mapping=ATTENTION)
        with (
            counter,
            traffic,
            _saved(model, similarity, found.saved),
            patch.object(losses, "ssim3d", similarity),
        ):
            with AsOnGPUs(), bf16:
                loss = losses.total(model.losses(batch, entry.objective))
            loss.backward()
    for name, operations in counter.get_flop_counts().items():
        flop, name = sum(operations.values()), name.removeprefix("NeuroQuant.").lower()
        if name == type(model.quantizer).__name__.lower():  # PyTorch names a part by its class
            name = "quantizer"
        found.flop["rest"] += flop if name == "global" else 0
        if name in NAMED:
            found.flop[NAMED[name]] += flop
            found.flop["rest"] -= flop
        if name.endswith(".attention"):
            found.flop["attention"] += flop
            found.flop[name.split(".")[0]] -= flop
    return found


def operations(
    entry: ModelEntry, shape: tuple[int, int, int], phase: Phase, precision: str = "fp32", recompute: str = "nothing"
) -> Account:
    """The account of a step; of slices, the mean of the three planes, which are drawn evenly."""
    if phase.mode == "3d":
        return account(entry, shape, phase.batch, None, precision, recompute)
    counts = [account(entry, shape, phase.batch, axis, precision, recompute) for axis in range(3)]
    flop, saved = (
        {part: sum(getattr(c, kind)[part] for c in counts) // 3 for part in PARTS} for kind in ("flop", "saved")
    )
    least = {name: sum(c.least_s[name] for c in counts) / 3 for name in DEVICES}
    moved, launches = (sum(getattr(c, kind) for c in counts) // 3 for kind in ("moved", "launches"))
    return Account(moved, launches, least, flop, saved)


@contextmanager
def _norms(precision: str, traffic: Traffic) -> Iterator[None]:
    """Norms as a precision has them."""
    compute = plane.Activation._compute

    def compiled(self: plane.Activation, x: Tensor, *film: Tensor) -> Tensor:
        return OneKernel.apply(traffic, lambda *inputs: compute(self, *inputs), x, *film)

    with ExitStack() as patches:
        if precision == COMPILED:
            patches.enter_context(patch.object(plane.Activation, "_compute", compiled))
        elif "norms" in precision:
            patches.enter_context(patch.object(plane, "as_it_comes", lambda x: nullcontext()))
            patches.enter_context(patch.object(plane, "like", lambda p, x: p))
        yield


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

    def again(function: Callable[..., Tensor], *inputs: Any) -> Tensor:
        for value in inputs:
            pack(value) if isinstance(value, Tensor) else None
        return recomputed(function, *inputs)

    recomputed = plane.again
    try:
        with ExitStack() as stack_of_patches:
            for module in (plane, attention):  # what a checkpoint keeps passes no hook
                stack_of_patches.enter_context(patch.object(module, "again", again))
            stack_of_patches.enter_context(torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor))
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
COUNTED = flop_registry | {operation: shape_wrapper(count) for operation, count in ATTENTION.items()}

"""The optimizer of a training: AdamW as in the paper, or Muon for what is a matrix inside the network."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from neuroquant.config.model import Training
from neuroquant.models.autoencoder import Autoencoder

OUTER = 3
"""Channels that an image may have: convolutions from or to so few aren't inner ones."""
NEWTON_SCHULZ, STEPS, TINY = (3.4445, -4.7750, 2.0315), 5, 1e-7
"""Coefficients, number of steps and least norm of `torch.optim.Muon`."""


def build_optimizer(model: Autoencoder, training: Training) -> "torch.optim.Optimizer | Together":
    """The optimizer that the settings name, over all parameters of a model that is on its device already.

    The learning rate is set at every step, for all groups alike.
    """
    parameters = list(model.parameters())
    if training.optimizer == "adamw":
        return _adamw(parameters, training)
    inner = {id(parameter) for parameter in inner_matrices(model)}
    matrices = [parameter for parameter in parameters if id(parameter) in inner]
    others = [parameter for parameter in parameters if id(parameter) not in inner]
    return Together(FlatMuon(matrices, training.weight_decay), _adamw(others, training))


def inner_matrices(model: Autoencoder) -> list[nn.Parameter]:
    """Weights of linear layers and convolutions between features; no embedding, no layer at an image.

    What a model leaves to AdamW (`Autoencoder.left_to_adamw`) isn't among them either.
    """
    left = [parameter for part in model.left_to_adamw() for parameter in part.parameters()]
    embedded = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    outside = set(map(id, left + embedded))
    return [
        parameter
        for parameter in model.parameters()
        if parameter.ndim >= 2 and min(parameter.shape[:2]) > OUTER and id(parameter) not in outside
    ]


def _adamw(parameters: list[nn.Parameter], training: Training) -> torch.optim.AdamW:
    return torch.optim.AdamW(parameters, lr=1.0, weight_decay=training.weight_decay, fused=True)


def orthogonalised(matrix: Tensor) -> Tensor:
    """Five Newton-Schulz steps towards the nearest orthogonal matrix, (M, N) in float32, those of `torch.optim.Muon`.

    A step multiplies the matrix X by a polynomial of X X^T. All polynomials are multiplied first, as matrices of the
    shorter side, and X is multiplied once in the end. PyTorch multiplies X in every step, in bfloat16: that takes three
    times as long on a CPU, and where singular values are near zero its rounding errors grow to the size of the result.
    """
    x = matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
    gram = x @ x.mT
    size = gram.diagonal().sum().sqrt().clamp(min=TINY)
    gram = gram / size**2
    a, b, c = NEWTON_SCHULZ
    product = None
    for _ in range(STEPS):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        gram = factor @ gram @ factor
    found = (product / size) @ x
    return found.mT if matrix.shape[0] > matrix.shape[1] else found


class FlatMuon(torch.optim.Muon):
    """Muon (Jordan et al. 2024) for convolutions as well, each as the matrix of its output channels and all else.

    Updates have the size of AdamW's (0.2 times the root of the longer side), so that one learning rate serves both.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float):
        self.shaped = list(parameters)
        # the same memory, seen as matrices: an update of these is one of the parameters
        self.flat = [nn.Parameter(parameter.detach().view(len(parameter), -1)) for parameter in self.shaped]
        super().__init__(self.flat, lr=1.0, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """One update from the gradients of the parameters."""
        for flat, shaped in zip(self.flat, self.shaped, strict=True):
            flat.grad = None if shaped.grad is None else shaped.grad.reshape(flat.shape)
        for group in self.param_groups:
            for flat in group["params"]:
                if flat.grad is None:
                    continue
                buffer = self.state[flat].setdefault("momentum_buffer", torch.zeros_like(flat.grad))
                buffer.lerp_(flat.grad, 1 - group["momentum"])
                direction = orthogonalised(flat.grad.lerp(buffer, group["momentum"]))
                flat.mul_(1 - group["lr"] * group["weight_decay"])
                flat.add_(direction, alpha=-0.2 * max(flat.shape) ** 0.5 * group["lr"])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the parameters and of their matrices."""
        super().zero_grad(set_to_none)
        for shaped in self.shaped:
            shaped.grad = None


class Together:
    """Optimizers that share a model's parameters out among them, as one."""

    def __init__(self, *optimizers: torch.optim.Optimizer):
        self.optimizers = optimizers

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Of all of them."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none)

    def step(self) -> None:
        """One update of every parameter."""
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """As a single optimizer's: states numbered through."""
        state, groups, first = {}, [], 0
        for optimizer in self.optimizers:
            own = optimizer.state_dict()
            state |= {first + index: values for index, values in own["state"].items()}
            groups += own["param_groups"]
            first += _parameters_in(own)
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        first = 0
        for optimizer in self.optimizers:
            own = optimizer.state_dict()
            count = _parameters_in(own)
            mine = range(first, first + count)
            own["state"] = {index - first: state_dict["state"][index] for index in mine if index in state_dict["state"]}
            optimizer.load_state_dict(own)
            first += count


def _parameters_in(state_dict: dict[str, Any]) -> int:
    return sum(len(group["params"]) for group in state_dict["param_groups"])

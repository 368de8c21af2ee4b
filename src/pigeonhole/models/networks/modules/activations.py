"""Activations by name, with Keras' constants, and the step function that is trained straight-through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pigeonhole.models.layers.anywhere import Activation


class Step(nn.Module):
    """`threshold`: 1 where x > 0, else 0.

    Its derivative is 0 wherever it exists, so training takes another: 1 where -1 < x < 1, else 0, as if the step were
    the identity clipped to that range. Beyond it a gradient could no longer turn the step, and would only push x away.

    Source: Hubara et al. 2016, "Binarized Neural Networks", after Hinton's straight-through estimator.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The shape of `x`."""
        if x.requires_grad and torch.is_grad_enabled():
            stepped: Tensor = _StraightThrough.apply(x)  # type: ignore[no-untyped-call]
            return stepped
        return (x > 0).to(x.dtype)


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.gt(x, 0, out=torch.empty_like(x))  # a fifteenth of the time of comparing and converting

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = torch.ops.aten.hardtanh_backward(gradients[0], x, -1.0, 1.0)
        return gradient


_FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": functional.relu,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "swish": functional.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: functional.softmax(x, dim=1),
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The function of that name. `threshold` is a module, so that it can be found in a network."""
    return Step() if name == "threshold" else _FUNCTIONS[name]


class Activate(nn.Module):
    """`activation`."""

    def __init__(self, layer: Activation) -> None:
        super().__init__()
        self.activation = activation(layer.activation)

    def forward(self, x: Tensor) -> Tensor:
        """The shape of `x`."""
        return self.activation(x)

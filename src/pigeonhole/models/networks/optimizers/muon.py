"""Muon: every singular direction of a kernel's step is made equally long, so that rare ones are learnt as well.

Sources: Jordan et al. 2024, kellerjordan.github.io/posts/muon (the iteration and its coefficients; kernels of
convolutions as matrices of one row a filter); Liu et al. 2025, arXiv 2502.16982 (the scale that gives the step
the root mean square of AdamW's, so that one learning rate serves both). Torch's own Muon takes matrices only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pigeonhole.core.errors import SpecError
from pigeonhole.models.networks.hardware import Precision
from pigeonhole.models.networks.lean import take_step
from pigeonhole.models.settings import Optimizer

_ITERATIONS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_LIKE_ADAMW = 0.2


def hidden_kernels(network: nn.Module) -> list[nn.Parameter]:
    """The kernels between the first and the last one, less those that mix no channels (depthwise).

    The first turns pixels into features and the last features into classes; neither is a map of one space of
    features to another, and both are better left to AdamW.

    Raises:
        SpecError: there is none.
    """
    kernels = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    hidden = [kernel for kernel in kernels[1:-1] if kernel.ndim == 2 or kernel.shape[1] > 1]
    if not hidden:
        raise SpecError(
            f"the optimizer muon, and a network with {len(kernels)} kernels, none of which it moves",
            "a network with a dense or convolutional layer between the first and the last",
            "choose another optimizer, for example --set optimizer.name=adamw",
        )
    return hidden


class Muon(torch.optim.Optimizer):
    """Muon for hidden kernels and AdamW for all else, with one learning rate.

    Args:
        hidden: from `hidden_kernels`.
        others: groups of the other parameters, each with its `weight_decay`.
        how: settings of both.
        precision: the number type of the matrix products.
    """

    def __init__(
        self, hidden: list[nn.Parameter], others: list[dict[str, Any]], how: Optimizer, precision: Precision
    ) -> None:
        super().__init__([{"params": hidden}], {"lr": how.learning_rate, "weight_decay": how.weight_decay})
        self._momentum, self._nesterov = how.momentum, how.nesterov
        self._product_type = torch.bfloat16 if precision == "bf16" else torch.float32
        self._rest = torch.optim.AdamW(
            others, how.learning_rate, betas=(how.beta_1, how.beta_2), eps=how.epsilon, fused=True
        )
        # The very same groups and state, so that whoever sets a rate or saves the memory sees one optimizer.
        self.param_groups += self._rest.param_groups
        self._rest.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Moves every weight that has a gradient; a closure is not used."""
        del closure
        group = self.param_groups[0]
        for kernel in group["params"]:
            if kernel.grad is not None:
                self._move(kernel, kernel.grad, group["lr"], group["weight_decay"])
        take_step(self._rest)

    def _move(self, kernel: Tensor, gradient: Tensor, rate: float, decay: float) -> None:
        if "average" not in self.state[kernel]:
            self.state[kernel]["average"] = torch.zeros_like(kernel)
        average = self.state[kernel]["average"]
        average.lerp_(gradient, 1 - self._momentum)
        step = gradient.lerp(average, self._momentum) if self._nesterov else average
        direction = orthogonal(step.flatten(1).to(self._product_type)).to(kernel.dtype)
        kernel.mul_(1 - rate * decay)
        scale = _LIKE_ADAMW * math.sqrt(max(direction.shape))
        kernel.sub_(direction.reshape(kernel.shape), alpha=rate * scale)


def orthogonal(matrix_AB: Tensor) -> Tensor:
    """The matrix with all its singular values near 1 (0.7 to 1.2), by Newton and Schulz's iteration."""
    x_AB = matrix_AB.T if matrix_AB.shape[0] > matrix_AB.shape[1] else matrix_AB
    x_AB = x_AB / x_AB.norm().clamp(min=1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram_AA = x_AB @ x_AB.T
        x_AB = torch.addmm(x_AB, torch.addmm(gram_AA, gram_AA, gram_AA, beta=b, alpha=c), x_AB, beta=a)
    return x_AB.T if matrix_AB.shape[0] > matrix_AB.shape[1] else x_AB

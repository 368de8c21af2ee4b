"""RMSprop as Keras computes it, which is not torch's: ε is inside the root, and the momentum is of whole steps.

Source: Hinton's lecture 6e; Keras' `RMSprop`, by its documented formula.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pigeonhole.models.settings import Optimizer


class RMSprop(torch.optim.Optimizer):
    """Steps as long as the gradient is in units of its own running root mean square.

    Args:
        groups: parameters, each group with its `weight_decay`.
        how: learning rate, ρ, ε and momentum.
    """

    def __init__(self, groups: list[dict[str, Any]], how: Optimizer) -> None:
        super().__init__(groups, {"lr": how.learning_rate, "weight_decay": 0.0})
        self._rho, self._epsilon, self._momentum = how.rho, how.epsilon, how.momentum

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Moves every weight that has a gradient; a closure is not used."""
        del closure
        for group in self.param_groups:
            moved = [(weight, weight.grad) for weight in group["params"] if weight.grad is not None]
            if moved:
                weights, gradients = map(list, zip(*moved, strict=True))
                self._step(weights, gradients, group["lr"], group["weight_decay"])

    def _step(self, weights: list[Tensor], gradients: list[Tensor], rate: float, decay: float) -> None:
        if decay:
            gradients = list(torch._foreach_add(gradients, weights, alpha=decay))
        squares = self._memory(weights, "mean_square")
        torch._foreach_mul_(squares, self._rho)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - self._rho)
        roots = torch._foreach_add(squares, self._epsilon)
        torch._foreach_sqrt_(roots)
        if not self._momentum:
            torch._foreach_addcdiv_(weights, gradients, roots, value=-rate)
            return
        steps = self._memory(weights, "step_average")
        torch._foreach_mul_(steps, self._momentum)
        torch._foreach_addcdiv_(steps, gradients, roots, value=rate)
        torch._foreach_sub_(weights, steps)

    def _memory(self, weights: list[Tensor], name: str) -> list[Tensor]:
        for weight in weights:
            if name not in self.state[weight]:
                self.state[weight][name] = torch.zeros_like(weight)
        return [self.state[weight][name] for weight in weights]

"""The L1 and L2 penalties of a network's kernels, which training adds to its loss. Knows no layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pigeonhole.models.layers.regularizer import Regularizer

# Modules with a `weight`, each with the penalty on it; a module of a layer has such a list in `regularized`.
Regularized = Sequence[tuple[nn.Conv2d | nn.Linear, Regularizer | None]]


def regularized_in(network: nn.Module) -> Regularized:
    """All of a network's kernels that have a penalty."""
    return tuple(
        (owner, how)
        for module in network.modules()
        for owner, how in getattr(module, "regularized", ())
        if how is not None and (how.l1 or how.l2)
    )


def penalty(regularized: Regularized) -> Tensor | None:
    """l1·Σ|w| + l2·Σw² over all of them, as one number in fp32; `None` where there are none."""
    total: Tensor | None = None
    for owner, how in regularized:
        if how is not None:
            part = _penalty(owner.weight, how)
            total = part if total is None else total + part
    return total


def _penalty(weight: Tensor, how: Regularizer) -> Tensor:
    if not how.l1:
        return how.l2 * weight.square().sum()
    if not how.l2:
        return how.l1 * weight.abs().sum()
    return how.l1 * weight.abs().sum() + how.l2 * weight.square().sum()

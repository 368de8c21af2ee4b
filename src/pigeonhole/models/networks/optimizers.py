"""Optimizers by name, and their state as plain tensors. Chooses no learning rate; that is `schedules`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pigeonhole.models.networks.lean import without_compiler
from pigeonhole.models.settings import Optimizer


@without_compiler()
def make_optimizer(how: Optimizer, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a network, with weight decay on kernels only."""
    kernels = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": how.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if how.name == "sgd":
        return torch.optim.SGD(groups, how.learning_rate, momentum=how.momentum, nesterov=how.nesterov)
    kind = torch.optim.AdamW if how.name == "adamw" else torch.optim.Adam
    return kind(groups, how.learning_rate, betas=(how.beta_1, how.beta_2), eps=how.epsilon)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The same rate for all weights from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def state_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's memory, `INDEX.NAME` → tensor, in the order of its parameters."""
    return {
        f"{index}.{name}": value
        for index, parameter in enumerate(_parameters(optimizer))
        for name, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def restore_state(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Puts back what `state_tensors` gave, for an optimizer of the same kind over the same network."""
    parameters = _parameters(optimizer)
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        parameter = parameters[int(index)]
        # The memory layout of the parameter, as when the optimizer made it: another one can round differently.
        kept = torch.empty_like(parameter) if value.shape == parameter.shape else torch.empty_like(value)
        optimizer.state[parameter][name] = kept.copy_(value)


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]

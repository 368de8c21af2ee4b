"""Optimizers by name, and their state as plain tensors. Chooses no learning rate; that is `schedules`.

Torch's own are used fused: a step over a network of 490,000 weights takes 0.2 ms with SGD and 0.4 ms with Adam on one
core, in place of 0.5 and 1.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pigeonhole.models.networks.hardware import Precision
from pigeonhole.models.networks.lean import without_compiler
from pigeonhole.models.networks.optimizers.muon import Muon, hidden_kernels
from pigeonhole.models.networks.optimizers.rmsprop import RMSprop
from pigeonhole.models.settings import Optimizer


@without_compiler()
def make_optimizer(how: Optimizer, network: nn.Module, precision: Precision = "fp32") -> torch.optim.Optimizer:
    """The optimizer of a network, with weight decay on kernels only.

    Args:
        how: its settings.
        network: what it moves.
        precision: the number type of a step's products; of all optimizers only `muon` multiplies matrices.

    Raises:
        SpecError: `muon`, and the network has no hidden kernel.
    """
    if how.name == "muon":
        hidden = hidden_kernels(network)
        chosen = {id(parameter) for parameter in hidden}
        return Muon(hidden, _groups([p for p in network.parameters() if id(p) not in chosen], how), how, precision)
    groups = _groups(list(network.parameters()), how)
    if how.name == "sgd":
        return torch.optim.SGD(groups, how.learning_rate, momentum=how.momentum, nesterov=how.nesterov, fused=True)
    if how.name == "rmsprop":
        return RMSprop(groups, how)
    kind = torch.optim.AdamW if how.name == "adamw" else torch.optim.Adam
    return kind(groups, how.learning_rate, betas=(how.beta_1, how.beta_2), eps=how.epsilon, fused=True)


def _groups(parameters: list[nn.Parameter], how: Optimizer) -> list[dict[str, Any]]:
    kernels = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [{"params": kernels, "weight_decay": how.weight_decay}, {"params": others, "weight_decay": 0.0}]


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

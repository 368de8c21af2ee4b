"""A moving average of a network's weights, which generalises better than the last step's. Trains nothing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Average:
    """The exponential moving average of all weights and running statistics.

    The decay grows with the steps up to its setting, so that the first weights are soon forgotten.

    Args:
        network: whose weights; the average begins with them.
        decay: by step; 0 means the average is the weights themselves and costs nothing.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self._sources = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
        self.tensors = {name: value.clone() for name, value in self._sources.items()} if decay else {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the weights after `step` (from 1)."""
        if self.tensors:
            decay = min(self.decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(self.tensors.values()), list(self._sources.values()), 1 - decay)

    def weights(self, network: nn.Module) -> dict[str, Tensor]:
        """The weights to validate and to keep: the average, or the network's own."""
        return {**network.state_dict(), **self.tensors}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Puts back a saved average."""
        for name, own in self.tensors.items():
            own.copy_(tensors[name])

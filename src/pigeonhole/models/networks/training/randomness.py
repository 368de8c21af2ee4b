"""The random streams that an epoch's steps draw from: begun from the seed, and carried over a kill inside it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pigeonhole.core.seeds import derive


class Randomness:
    """Two streams: torch's own, for dropout, and one for changes of the images.

    Args:
        device: `cpu` or `cuda`; dropout draws on the device.
        seed: the training's.
    """

    def __init__(self, device: str, seed: int) -> None:
        self._on_cuda = device == "cuda"
        self._seed = seed
        self._carried: Mapping[str, Tensor] = {}
        self.augment = torch.Generator()

    def begin(self, epoch: int) -> None:
        """Puts both streams at the start of an epoch (from 1), or once where `carry_on` says."""
        if self._carried:
            self._restore(self._carried)
            self._carried = {}
        else:
            torch.manual_seed(derive(self._seed, "epoch", epoch, "dropout"))
            self.augment.manual_seed(derive(self._seed, "epoch", epoch, "augment"))

    def tensors(self) -> dict[str, Tensor]:
        """Where the streams are now."""
        states = {"augment": self.augment.get_state(), "dropout": torch.get_rng_state()}
        return {**states, "dropout_cuda": torch.cuda.get_rng_state()} if self._on_cuda else states

    def carry_on(self, tensors: Mapping[str, Tensor]) -> None:
        """Lets the next `begin` go on where `tensors` were taken: nothing that draws before it can disturb that."""
        self._carried = tensors

    def _restore(self, tensors: Mapping[str, Tensor]) -> None:
        self.augment.set_state(tensors["augment"])
        torch.set_rng_state(tensors["dropout"])
        if self._on_cuda:
            torch.cuda.set_rng_state(tensors["dropout_cuda"])

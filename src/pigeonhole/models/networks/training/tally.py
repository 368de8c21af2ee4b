"""The sums of an epoch's steps. On CUDA they are looked at late, so that the host never waits for the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class StepResult:
    """What a step gave; its tensors are single numbers on the device.

    Attributes:
        step: from 1, over the whole training.
        images: how many it had.
        learning_rate: its rate.
        loss: mean cross-entropy of its images.
        hits: how many it classified correctly before the weights moved.
        gradient_norm: of all gradients, before clipping; `None` where it was not needed.
    """

    step: int
    images: int
    learning_rate: float
    loss: Tensor
    hits: Tensor
    gradient_norm: Tensor | None


@dataclass
class Tally:
    """Sums over the steps of an epoch so far.

    Attributes:
        loss_sum: of the images' losses.
        hits: images classified correctly.
    """

    loss_sum: float = 0.0
    hits: int = 0

    def __post_init__(self) -> None:
        self._waiting: list[StepResult] = []

    def add(self, result: StepResult) -> None:
        """Takes in a step without looking at it."""
        self._waiting.append(result)

    def look(self) -> StepResult | None:
        """Sums up what was added; the first step whose loss is not finite, or `None`.

        The sums are the same to the last bit however often it is called.
        """
        results, self._waiting = self._waiting, []
        if not results:
            return None
        losses = torch.stack([result.loss for result in results])
        for result, loss in zip(results, losses.tolist(), strict=True):
            self.loss_sum += loss * result.images
        self.hits += int(torch.stack([result.hits for result in results]).sum())
        bad = (~losses.isfinite()).nonzero()
        return results[int(bad[0])] if len(bad) else None

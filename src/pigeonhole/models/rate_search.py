"""A learning rate for a network and some images, found by a short trial. Trains no model; the trial is `networks`'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pigeonhole.core.errors import UsageError
from pigeonhole.core.optional import require
from pigeonhole.models.spec import ModelSpec
from pigeonhole.models.trained import TrainingData
from pigeonhole.models.waiting import require_torch


@dataclass(frozen=True)
class RateSearch:
    """What a trial saw, step by step.

    Attributes:
        learning_rates: of each step, growing by the same factor.
        losses: mean cross-entropy of the step's images, in nats, before the weights moved.
        smoothed: the losses as a moving average.
        suggestion: the highest rate to train with.
    """

    learning_rates: Sequence[float]
    losses: Sequence[float]
    smoothed: Sequence[float]
    suggestion: float


def search_learning_rate(spec: ModelSpec, data: TrainingData, *, seed: int) -> RateSearch:
    """Losses over growing learning rates, and a rate read off from them; of the training images only.

    Args:
        spec: from `resolve`; a network.
        data: training images; validation images are not looked at.
        seed: decides the first weights, the order of the images and every random change of them.

    Raises:
        UsageError: an estimator has no learning rate.
        SpecError: the layers do not fit the images.
        TrainingError: the loss is not finite even at the lowest rate.
        MissingDependencyError: torch is not installed.
    """
    if spec.kind == "estimator":
        raise UsageError(
            f"a search for the learning rate of {spec.model}",
            "a network; an estimator has no learning rate",
            "choose a network: pigeonhole presets list",
        )
    data.check()
    require_torch()
    require("safetensors", extra="train")
    from pigeonhole.models.networks.training.finding import climb

    return climb(spec, data, seed)

"""How weights move."""

from __future__ import annotations

from typing import Literal

from pigeonhole.core.spec import Spec
from pigeonhole.models.settings.numbers import NotNegative, Positive, Share


class Optimizer(Spec):
    """How weights move. Weight decay applies to kernels only, never to biases and normalisation.

    Attributes:
        name: `sgd`, `adam` (no decoupled decay: `weight_decay` is L2 in the gradient, as in Keras' regularisers) or
            `adamw`.
        learning_rate: the highest rate; the schedule multiplies it.
        momentum: for `sgd`.
        nesterov: for `sgd` with momentum.
        weight_decay: per step, times the learning rate.
        beta_1: for `adam` and `adamw`.
        beta_2: for `adam` and `adamw`.
        epsilon: for `adam` and `adamw`.
    """

    name: Literal["sgd", "adam", "adamw"] = "adam"
    learning_rate: Positive = 1e-3
    momentum: Share = 0.0
    nesterov: bool = False
    weight_decay: NotNegative = 0.0
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    epsilon: Positive = 1e-7

"""How weights move."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationInfo, field_validator, model_validator

from pigeonhole.core.spec import Spec
from pigeonhole.models.settings.numbers import NotNegative, Positive, Share
from pigeonhole.models.settings.used import Uses, refuse_unused

_ADAM = ("learning_rate", "weight_decay", "beta_1", "beta_2", "epsilon")
OPTIMIZER_FIELDS: Uses = {
    "sgd": ("learning_rate", "weight_decay", "momentum", "nesterov"),
    "adam": _ADAM,
    "adamw": _ADAM,
    "rmsprop": ("learning_rate", "weight_decay", "momentum", "rho", "epsilon"),
    "muon": (*_ADAM, "momentum", "nesterov"),
}


class Optimizer(Spec):
    """How weights move. Weight decay applies to kernels only, never to biases and normalisation.

    A field that the named optimizer does not have is refused when it is set.

    Attributes:
        name: `sgd`, `adam`, `adamw`, `rmsprop` or `muon`. With `sgd`, `adam` and `rmsprop` the decay is L2 in the
            gradient, as in Keras' regularisers; with `adamw` and `muon` it is decoupled.
        learning_rate: the highest rate; the schedule multiplies it.
        momentum: for `sgd`, `rmsprop` and `muon`, where it is 0.95 unless set.
        nesterov: for `sgd` with momentum, and for `muon`, where it is true unless set.
        weight_decay: per step, times the learning rate.
        beta_1: for `adam`, `adamw`, and what `muon` leaves to AdamW.
        beta_2: likewise.
        rho: for `rmsprop`: how much of the mean square of the gradients is kept at each step.
        epsilon: for all but `sgd`.
    """

    name: Literal["sgd", "adam", "adamw", "rmsprop", "muon"] = "adam"
    learning_rate: Positive = 1e-3
    momentum: Share = 0.0
    nesterov: bool = False
    weight_decay: NotNegative = 0.0
    beta_1: Share = 0.9
    beta_2: Share = 0.999
    rho: Share = 0.9
    epsilon: Positive = 1e-7

    @model_validator(mode="before")
    @classmethod
    def _muons_own(cls, value: Any) -> Any:
        # Written out on reading, so that a spec says what it does.
        own = {"momentum": 0.95, "nesterov": True}
        return {**own, **value} if isinstance(value, dict) and value.get("name") == "muon" else value

    @field_validator("*")
    @classmethod
    def _used(cls, value: Any, info: ValidationInfo) -> Any:
        return refuse_unused(OPTIMIZER_FIELDS, cls.model_fields[str(info.field_name)].default, value, info)

"""How the learning rate goes."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pigeonhole.core.spec import Spec
from pigeonhole.models.settings.numbers import Count, NotNegative, Share
from pigeonhole.models.settings.used import Uses, refuse_unused

SCHEDULE_FIELDS: Uses = {
    "constant": ("warmup",),
    "linear": ("warmup", "final"),
    "one-cycle": ("warmup", "final"),
    "cosine": ("warmup", "final"),
    "step": ("warmup", "final", "every", "milestones", "factor"),
    "plateau": ("warmup", "final", "monitor", "factor", "patience", "cooldown", "min_delta"),
}


class Schedule(Spec):
    """How the learning rate goes over the whole training, as a share of the optimizer's.

    A field that the named schedule does not have is refused when it is set.

    Attributes:
        name: `constant`; `linear` (a line down); `cosine` (half a cosine down), which `one-cycle` is another name
            of, for a warmup that is a good part of the training; `step` (times `factor` after certain epochs);
            `plateau` (times `factor` whenever validation gets no better).
        warmup: share of all steps on the way up, a line from zero.
        final: the share of the learning rate that is left at the end, and below which `step` and `plateau` do not go.
        every: for `step`: after every so many epochs; `None` where `milestones` are given.
        milestones: for `step`: after each of these epochs, in rising order.
        factor: for `step` and `plateau`: what the rate is multiplied with.
        monitor: for `plateau`: what is to get better.
        patience: for `plateau`: epochs without a better one before the rate is lowered.
        cooldown: for `plateau`: epochs after a lowering that do not count.
        min_delta: for `plateau`: what counts as better, in nats or as a share.
    """

    name: Literal["constant", "linear", "one-cycle", "cosine", "step", "plateau"] = "constant"
    warmup: Share = 0.0
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    every: Count | None = None
    milestones: tuple[Count, ...] = ()
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    monitor: Literal["validation_loss", "validation_accuracy"] = "validation_loss"
    patience: Count = 10
    cooldown: Annotated[int, Field(ge=0)] = 0
    min_delta: NotNegative = 1e-4

    @field_validator("*")
    @classmethod
    def _used(cls, value: Any, info: ValidationInfo) -> Any:
        return refuse_unused(SCHEDULE_FIELDS, cls.model_fields[str(info.field_name)].default, value, info)

    @model_validator(mode="after")
    def _steps_are_told(self) -> Schedule:
        if self.name == "step" and (self.every is None) == (not self.milestones):
            raise ValueError("a step has `every` or `milestones`, one of the two")
        if any(after <= before for before, after in pairwise(self.milestones)):
            raise ValueError("milestones in rising order are accepted")
        return self

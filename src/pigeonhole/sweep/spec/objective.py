"""What a sweep is to make as great or as small as it can."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, field_validator

from pigeonhole.core.spec import Spec
from pigeonhole.sweep.trial import Goal

# What every trial of a preset reports after each epoch, and what it has at its end besides.
EPOCH_METRICS = (
    "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate", "images_per_s",
    "seconds",
)  # fmt: skip
FINAL_METRICS = ("parameters", "bundle_size_bytes", "latency_ms", "peak_memory_bytes", "epochs", "best_epoch")
# Tutorials on Azure ML log the one and mean the other.
ALIASES = {"validation_acc": "validation_accuracy"}


class Objective(Spec):
    """A metric, and which way is better."""

    goal: Goal
    primary_metric: str = Field(min_length=1)

    @field_validator("goal", mode="before")
    @classmethod
    def _in_any_case(cls, goal: Any) -> Any:
        """Azure ML takes `Maximize` as well."""
        return goal.lower() if isinstance(goal, str) else goal


def _tag(value: Any) -> str:
    return "objective-list" if isinstance(value, (list, tuple)) else "objective-one"


OneOrSeveral = Annotated[
    Annotated[Objective, Tag("objective-one")] | Annotated[tuple[Objective, ...], Tag("objective-list")],
    Discriminator(_tag),
]

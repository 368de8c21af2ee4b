"""When to stop."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pigeonhole.core.spec import Spec


class EarlyStopping(Spec):
    """When to stop, and which epoch counts as the best.

    Attributes:
        monitor: what decides; of equal accuracies the lower loss wins.
        patience: epochs without a better one before training stops; 0 never stops early.
        restore_best_weights: whether the model keeps the weights of its best epoch, as under this name in Keras, or
            those of the last one. The last epoch is chosen by nothing, so its validation figures flatter no one.
    """

    monitor: Literal["validation_accuracy", "validation_loss"] = "validation_accuracy"
    patience: Annotated[int, Field(ge=0)] = 0
    restore_best_weights: bool = True
